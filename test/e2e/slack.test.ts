import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SlackEmulator } from '../emulators/slack.js';
import { shownBy } from '../emulators/slack-rules.js';
import { payload } from '../unit/intake/payloads.js';
import { lab } from './lab.js';
import { TestService } from './service.js';

let slack: SlackEmulator;
let service: TestService;
const folder = mkdtempSync(join(tmpdir(), 'podtriage-slack-'));

beforeAll(async () => {
  slack = await SlackEmulator.listen();
  writeFileSync(join(folder, 'signing-secret'), `${slack.signingSecret}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'bot-token'), `${slack.token}\n`, { mode: 0o600 });
  const intakes = {
    signingSecretFile: 'signing-secret',
    ...{ teams: ['T0123456789'], users: ['U0123456789'], channels: [slack.channel] },
    reach: [{ cluster: 'default', namespace: lab.namespace }],
    notifyEndpoint: 'soc',
    responseHost: slack.host,
    options: { lookups: { deadlineSeconds: 2 } },
  };
  const rule = { name: 'shells', intakes: ['falco'], notify: ['soc'], cooldownMinutes: 0, options: intakes.options };
  const endpoint = {
    name: 'soc',
    kind: 'slack',
    channel: slack.channel,
    tokenFile: 'bot-token',
    signingSecretFile: 'signing-secret',
    apiUrl: slack.apiUrl,
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'intakes.yaml'), JSON.stringify({ rules: [rule], slack: intakes }));
  writeFileSync(join(folder, 'endpoints.yaml'), JSON.stringify({ endpoints: [endpoint], allow: { http: true, addresses: ['127.0.0.0/8'] } }));
  service = await TestService.start({
    PODTRIAGE_INTAKES: join(folder, 'intakes.yaml'),
    PODTRIAGE_ENDPOINTS: join(folder, 'endpoints.yaml'),
    PODTRIAGE_PUBLIC_URL: 'https://triage.example',
  });
});

afterAll(async () => {
  await service.stop();
  slack.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Gives a command as Slack does, within the time that Slack waits, and returns the id of the run that the answer names. */
async function triage(pod: string): Promise<string> {
  const command = slack.command(`${lab.namespace}/${pod}`);
  const request = supertest(service.environment['PODTRIAGE_URL'] ?? '').post('/api/v1/intake/slack');
  const answer = await request.set(command.headers).timeout(3_000).send(command.body).expect(200);
  const said = answer.body as { response_type: string; text: string };
  slack.show(command, said);
  expect(said.response_type).toBe('in_channel');
  return /Run (r[0-9a-z]+) of/.exec(said.text)?.[1] ?? '';
}

async function delivered(run: string): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    const { body } = (await service.api(`/deliveries?run=${run}`)) as { body: { deliveries?: { milestone: string; state: string }[] } };
    if (body.deliveries?.some(({ milestone, state }) => milestone === 'report.written' && state === 'delivered') === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the report of ${run} was not delivered: ${service.log.slice(-3_000)}`);
}

it('a command in Slack leads to a report, and its own message says so', async () => {
  const run = await triage('web-a');
  const view = await service.ended(run);
  expect(view).toMatchObject({ state: 'completed', requestedBy: 'slack:T0123456789:U0123456789' });
  await delivered(run);
  const [message, ...others] = slack.messages;
  expect(others).toEqual([]);
  expect(message).toMatchObject({ by: 'reply', seenBy: 'in_channel' });
  const text = shownBy(message!);
  for (const part of [
    run,
    `Triage of ${lab.namespace}/web-a`,
    'The report is written.',
    'suspicious',
    `https://triage.example/api/v1/runs/${run}/report`,
  ])
    expect(text).toContain(part);
  expect(message!.before.map(shownBy).some((before) => before.includes('the pod may now be killed'))).toBe(true);
  expect(slack.calls.filter(({ status }) => status !== 200)).toEqual([]);
});

it('is told by the bot once nobody waits for a reply any more', async () => {
  const run = await triage('clean-b');
  slack.clock = () => Date.now() + 31 * 60_000;
  await service.ended(run);
  await delivered(run);
  const bot = slack.messages.filter((message) => message.by === 'bot' && shownBy(message).includes(run));
  expect(bot).toHaveLength(1);
  expect(shownBy(bot[0]!)).toContain('The report is written.');
  for (const secret of [slack.token, slack.signingSecret, '/commands/T']) expect(service.log).not.toContain(secret);
});

it('tells the channel of a run that an event of Falco has started', async () => {
  const event = payload('falco-shell');
  const fields = { ...(event['output_fields'] as object), 'k8s.pod.name': 'web-b', 'k8s.pod.uid': null };
  const { body } = (await service.post('/intake/falco', { ...event, output_fields: fields })) as { body: { alerts: { run?: string }[] } };
  const run = body.alerts[0]?.run ?? '';
  const view = await service.ended(run);
  await delivered(run);
  const told = slack.messages.filter((message) => shownBy(message).includes(run));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ by: 'bot', channel: slack.channel });
  for (const part of ['The report is written.', view.verdict ?? 'none']) expect(shownBy(told[0]!)).toContain(part);
});
