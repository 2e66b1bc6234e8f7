import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunView } from '../../store/run-view.js';
import { type SignedCommand, SlackEmulator } from '../emulators/slack.js';
import { payload } from '../unit/intake/payloads.js';
import { lab } from './lab.js';
import { TestService } from './service.js';

// Each intake of a whole service: what is good, incomplete, forged, sent again, and a flood; and the runs that are there afterwards.

const folder = mkdtempSync(join(tmpdir(), 'podtriage-payloads-'));
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const flood = 1_000;
const atOnce = 50;

let slack: SlackEmulator;
let service: TestService;

beforeAll(async () => {
  slack = await SlackEmulator.listen();
  writeFileSync(join(folder, 'edr'), `${secret}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'signing-secret'), `${slack.signingSecret}\n`, { mode: 0o600 });
  const reach = [{ cluster: 'default', namespace: lab.namespace }];
  const intakes = {
    rules: [{ name: 'all', alertRules: ['*'], namespaces: [lab.namespace], maxRunsPerNamespacePerHour: 50 }],
    generic: [
      {
        name: 'edr',
        secretFile: 'edr',
        reach,
        fields: { rule: '/data/detection', namespace: '/data/resource/namespace', pod: '/data/resource/pod' },
      },
    ],
    slack: {
      signingSecretFile: 'signing-secret',
      ...{ teams: ['T0123456789'], users: ['U0123456789'], channels: [slack.channel] },
      reach,
      responseHost: slack.host,
      // Its run is to be open for as long as the flood lasts.
      options: { lookups: { deadlineSeconds: 600 } },
    },
  };
  writeFileSync(join(folder, 'intakes.yaml'), JSON.stringify(intakes));
  service = await TestService.start({ PODTRIAGE_INTAKES: join(folder, 'intakes.yaml') });
  service.virusTotal.spend('e2e-key', 100_000);
});

afterAll(async () => {
  await service.stop();
  slack.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly outcome: string;
  readonly run?: string;
}

interface Answer {
  readonly status: number;
  readonly outcomes: readonly string[];
  readonly runs: readonly (string | undefined)[];
}

async function sent(request: PromiseLike<supertest.Response>): Promise<Answer> {
  const answer = await request;
  const { status } = answer;
  const alerts = (answer.body as { alerts?: Outcome[] }).alerts ?? [];
  return { status, outcomes: alerts.map(({ outcome }) => outcome), runs: alerts.map(({ run }) => run) };
}

function tell(kind: 'falco' | 'alertmanager', body: object, key?: string): Promise<Answer> {
  const path = `/intake/${kind}`;
  return sent(key === undefined ? service.post(path, body) : at(path).set('Authorization', `Bearer ${key}`).send(body));
}

function at(path: string): supertest.Test {
  return supertest(service.environment['PODTRIAGE_URL'] ?? '').post(`/api/v1${path}`);
}

async function runsOf(pod: string): Promise<readonly RunView[]> {
  return ((await service.api(`/runs?pod=${pod}`)).body as { runs: RunView[] }).runs;
}

/** Sends so many, some at once. */
async function flooded<T>(send: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let from = 0; from < flood; from += atOnce) all.push(...(await Promise.all(Array.from({ length: atOnce }, (_, n) => send(from + n)))));
  return all;
}

/** A flood about a pod is one run, on which all of it is counted. */
async function expectOneRun(pod: string, answers: readonly Answer[]): Promise<void> {
  const [run, ...others] = await runsOf(pod);
  expect(others).toEqual([]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(answers.flatMap(({ runs }) => runs))).toEqual(new Set([run?.id]));
  expect(await service.run(run!.id)).toMatchObject({ triggers: { count: flood } });
}

function falco(pod: string, more: object = {}): object {
  const event = payload('falcosidekick');
  const fields = { ...(event['output_fields'] as object), 'k8s.ns.name': lab.namespace, 'k8s.pod.name': pod };
  return { ...event, output_fields: { ...fields, 'k8s.pod.uid': null }, ...more };
}

describe('Falco', () => {
  it('a good event opens a run, and the same one again is counted on it', async () => {
    const first = await tell('falco', falco('falco-good'));
    expect(first).toMatchObject({ status: 202, outcomes: ['opened'] });
    expect(await tell('falco', falco('falco-good'))).toMatchObject({ status: 202, runs: first.runs });
    expect(await runsOf('falco-good')).toMatchObject([{ id: first.runs[0] }]);
  });

  it.each(['falco-nulls', 'falco-host'])('%s, which names no pod, opens nothing and is not sent again', async (name) => {
    expect(await tell('falco', payload(name))).toMatchObject({ status: 202, outcomes: ['ignored'] });
  });

  it('an event with the key of nobody is refused', async () => {
    expect((await tell('falco', falco('falco-forged'), `pt_0123456789abcdef_${'s'.repeat(43)}`)).status).toBe(401);
    expect(await runsOf('falco-forged')).toEqual([]);
  });

  it('a flood is one run', async () => {
    await expectOneRun('falco-flood', await flooded((n) => tell('falco', falco('falco-flood', { uuid: `event-${n}` }))));
  });
});

function group(pod: string, fingerprint: string): object {
  const labels = { alertname: 'UnexpectedEgress', severity: 'critical', namespace: lab.namespace, pod };
  return { ...payload('alertmanager-pod'), alerts: [{ status: 'firing', labels, fingerprint, startsAt: '2026-11-27T01:00:00Z' }] };
}

describe('Alertmanager', () => {
  it('a good group opens a run, and the same one again is only counted', async () => {
    const first = await tell('alertmanager', group('am-good', 'a'));
    expect(first).toMatchObject({ status: 202, outcomes: ['opened'] });
    expect(await tell('alertmanager', group('am-good', 'a'))).toMatchObject({ status: 202, outcomes: ['duplicate'] });
    expect(await runsOf('am-good')).toMatchObject([{ id: first.runs[0] }]);
    expect(await service.run(first.runs[0]!)).toMatchObject({ triggers: { count: 2 } });
  });

  it.each([
    ['without a pod', { alerts: [{ labels: { alertname: 'UnexpectedEgress' } }, { status: null, labels: null }] }],
    ['that is resolved', payload('alertmanager-resolved')],
  ])('a group %s opens nothing and is not sent again', async (_what, body) => {
    const { status, outcomes } = await tell('alertmanager', body);
    expect({ status, outcomes: new Set(outcomes) }).toEqual({ status: 202, outcomes: new Set(['ignored']) });
  });

  it('a group with the key of nobody is refused', async () => {
    expect((await tell('alertmanager', group('am-forged', 'f'), `pt_0123456789abcdef_${'s'.repeat(43)}`)).status).toBe(401);
    expect(await runsOf('am-forged')).toEqual([]);
  });

  it('a flood is one run', async () => {
    await expectOneRun('am-flood', await flooded((n) => tell('alertmanager', group('am-flood', `flood-${n}`))));
  });
});

function detection(body: object, id: string, by = secret): Promise<Answer> {
  const text = JSON.stringify(body);
  const now = new Date();
  const headers = {
    'Content-Type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(by).sign(id, now, text),
  };
  return sent(at('/intake/generic/edr').set(headers).send(text));
}

function detected(pod: string): object {
  return { data: { detection: 'Reverse shell', resource: { namespace: lab.namespace, pod } } };
}

describe('the generic webhook', () => {
  it('a good one opens a run, and the same delivery again is answered alike and not counted', async () => {
    const first = await detection(detected('edr-good'), 'msg_good');
    expect(first).toMatchObject({ status: 202, outcomes: ['opened'] });
    expect(await detection(detected('edr-good'), 'msg_good')).toEqual(first);
    expect(await runsOf('edr-good')).toMatchObject([{ id: first.runs[0] }]);
    expect(await service.run(first.runs[0]!)).toMatchObject({ triggers: { count: 1 } });
  });

  it.each(['generic-absent', 'generic-renamed'])('%s opens nothing', async (name) => {
    expect(await detection(payload(name), `msg_${name}`)).toMatchObject({ status: 202, outcomes: ['ignored'] });
  });

  it('one that somebody else has signed is refused', async () => {
    expect((await detection(detected('edr-forged'), 'msg_forged', `whsec_${randomBytes(32).toString('base64')}`)).status).toBe(401);
    expect(await runsOf('edr-forged')).toEqual([]);
  });

  it('a flood is one run', async () => {
    await expectOneRun('edr-flood', await flooded((n) => detection(detected('edr-flood'), `msg_${n}`)));
  });
});

interface Said {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function command({ headers, body }: SignedCommand, more: Record<string, string> = {}): Promise<Said> {
  const answer = await at('/intake/slack')
    .set({ ...headers, ...more })
    .send(body);
  const said = answer.body as { response_type?: string; text?: string };
  return { status: answer.status, type: said.response_type ?? '', text: said.text ?? '' };
}

describe('the slash command of Slack', () => {
  it('a good one opens a run, and when Slack sends it again it is answered alike', async () => {
    const given = slack.command(`${lab.namespace}/slack-good`);
    const first = await command(given);
    expect(first).toMatchObject({ status: 200, type: 'in_channel' });
    expect(await command(given, { 'X-Slack-Retry-Num': '1', 'X-Slack-Retry-Reason': 'http_timeout' })).toEqual(first);
    expect(await runsOf('slack-good')).toHaveLength(1);
  });

  it.each(['text', 'user_id'])('one without %s opens nothing', async (field) => {
    const given = slack.command(`${lab.namespace}/slack-absent`, { fields: { [field]: undefined } });
    expect(await command(given)).toMatchObject({ status: 200, type: 'ephemeral' });
    expect(await runsOf('slack-absent')).toEqual([]);
  });

  it('one that somebody else has signed is refused', async () => {
    expect((await command(slack.command(`${lab.namespace}/slack-forged`, { secret: 'another secret of somebody' }))).status).toBe(401);
    expect(await runsOf('slack-forged')).toEqual([]);
  });

  it('a flood is one run, and each is told which', async () => {
    const told = await flooded(() => command(slack.command(`${lab.namespace}/web-a`)));
    const [run, ...others] = await runsOf('web-a');
    expect(others).toEqual([]);
    expect(told.filter(({ type }) => type === 'in_channel')).toHaveLength(1);
    expect(told.filter(({ status, text }) => status === 200 && text.includes(run!.id))).toHaveLength(flood);
    await service.post(`/runs/${run!.id}/cancel`, {});
  });
});

it('no other run is there than these', async () => {
  const { runs } = (await service.api('/runs?limit=1000')).body as { runs: RunView[] };
  const good = ['falco', 'am', 'edr'].flatMap((name) => [`${name}-good`, `${name}-flood`]);
  expect(runs.map(({ request }) => request.target.pod).sort()).toEqual([...good, 'slack-good', 'web-a'].sort());
});
