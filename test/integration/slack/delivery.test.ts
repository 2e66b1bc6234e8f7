import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Chat, chatSchema } from '../../../playbooks/delivery/chat.js';
import { type EndpointsConfig, parseEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { seal } from '../../../playbooks/delivery/sealed.js';
import { afterMs } from '../../../playbooks/domain/abort.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { Chats } from '../../../store/chats.js';
import { keyRing } from '../../../store/public-keys.js';
import { newRunId } from '../../../store/run-id.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openEndpoints } from '../../../workers/adapters/delivery/open-endpoints.js';
import { SlackEmulator } from '../../emulators/slack.js';
import { markupOf, shownBy } from '../../emulators/slack-rules.js';
import { DeliveryStand } from '../delivery/delivery-stand.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();
let stand: DeliveryStand;
let slack: SlackEmulator;
beforeEach(async () => {
  stand = await DeliveryStand.create(engine());
  slack = await SlackEmulator.listen();
});
afterEach(() => {
  stand.close();
  slack.close();
});

/** The endpoint `soc`: a channel of the emulator, whose addresses are allowed unless a test wants them refused. */
async function config({
  token = slack.token,
  addresses = ['127.0.0.0/8'],
  milestones,
}: {
  token?: string;
  addresses?: string[];
  milestones?: string[];
} = {}): Promise<EndpointsConfig> {
  await mkdir(stand.folder, { recursive: true });
  const [tokenFile, signingSecretFile] = ['bot-token', 'signing-secret'].map((name) => join(stand.folder, name)) as [string, string];
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  await writeFile(signingSecretFile, `${slack.signingSecret}\n`, { mode: 0o600 });
  const soc = {
    name: 'soc',
    kind: 'slack',
    channel: slack.channel,
    tokenFile,
    signingSecretFile,
    apiUrl: slack.apiUrl,
    ...(milestones === undefined ? {} : { milestones }),
  };
  return parseEndpoints('endpoints.yaml', JSON.stringify({ endpoints: [soc], allow: { http: true, addresses } }));
}

const open = (): Promise<string> => stand.open('few', { notify: ['soc'] });

/** Opens a run that a command in Slack has asked for, and shows what the command was answered. */
async function openByCommand(): Promise<string> {
  const { redis, keys, signer, folder } = engine();
  const chats = new Chats(redis, keys, new SignedTexts(signer, keyRing(folder), () => undefined));
  const command = slack.command('shop/web-0');
  slack.show(command, { response_type: 'in_channel', text: 'A run is open.' });
  const run = newRunId(new Date());
  const about = `${run}/soc`;
  await chats.keepReply(about, seal(slack.signingSecret, about, new URLSearchParams(command.body).get('response_url')!));
  const request = { target: { namespace: 'shop', pod: 'web-0' }, playbook: 'few', notify: ['soc'] };
  return stand.it.commander.open(runRequestSchema.parse(request), 'slack:T0:U0', { id: run });
}

const botCalls = (): string[] =>
  slack.calls.flatMap(({ path, status }) => (path.startsWith('/api/') && status === 200 ? [path.slice('/api/chat.'.length)] : []));

it('has one message for a run in the channel, brought up to date at each milestone', async () => {
  await stand.runner({}, await config());
  const run = await open();
  await stand.ended(run, 3);
  const [message, ...others] = slack.messages;
  expect(others).toEqual([]);
  expect(message).toMatchObject({ by: 'bot', channel: slack.channel });
  expect(botCalls().filter((call) => call === 'postMessage')).toHaveLength(1);
  const view = await engine().ended(run);
  const text = shownBy(message!);
  for (const part of ['Triage of shop/web-0', 'The report is written.', view.verdict!, run, 'INC-7']) expect(text).toContain(part);
  expect(message!.before.map(shownBy).some((before) => before.includes('the pod may now be killed'))).toBe(true);
  const told = (await engine().entries(run)).filter(({ act }) => act === 'result.delivered');
  expect(told.map(({ detail }) => detail['milestone'])).toHaveLength(3);
  await stand.it.verified(run);
});

it('answers who gave the command in his own message, and needs no bot for it', async () => {
  await stand.runner({}, await config());
  const run = await openByCommand();
  await stand.ended(run, 3);
  const [message, ...others] = slack.messages;
  expect(others).toEqual([]);
  expect(message).toMatchObject({ by: 'reply', seenBy: 'in_channel' });
  expect(shownBy(message!)).toContain('The report is written.');
  expect(message!.before[0]!.text).toBe('A run is open.');
  expect(botCalls()).toEqual([]);
});

it.each([
  ['its half hour is over', () => Object.assign(slack, { clock: () => Date.now() + 31 * 60_000 })],
  ['Slack does not know it any more', () => slack.faults.push({ status: 404, body: { ok: false, error: 'used_url' } })],
])('goes on as the bot when %s', async (_what, end) => {
  const run = await openByCommand();
  end();
  await stand.runner({}, await config());
  await stand.ended(run, 3);
  const bot = slack.messages.filter(({ by }) => by === 'bot');
  expect(bot).toHaveLength(1);
  expect(shownBy(bot[0]!)).toContain('The report is written.');
  // The address is asked no more.
  expect(slack.calls.filter(({ path }) => path.startsWith('/commands/'))).toHaveLength(1);
});

it('waits as long as Slack asks', async () => {
  slack.faults.push({ status: 429, body: { ok: false, error: 'ratelimited' }, headers: { 'retry-after': '120' } });
  await stand.runner({}, await config({ milestones: ['report.written'] }));
  const run = await open();
  const [waiting] = await stand.until(run, (all) => all[0]?.lastStatus === 429);
  expect(waiting).toMatchObject({ state: 'pending', lastError: { code: 'delivery-failed', message: 'Slack asks to wait' } });
  expect(Date.parse(waiting!.nextAt!) - Date.parse(waiting!.triedAt!)).toBeGreaterThanOrEqual(119_000);
  expect(slack.calls).toHaveLength(1);
});

it('posts anew where the message is not there any more', async () => {
  await stand.runner({}, await config());
  const run = await open();
  await stand.ended(run, 3);
  slack.messages.length = 0;
  slack.clock = () => Date.now() + 60_000;
  const report = (await stand.deliveries(run)).find(({ milestone }) => milestone === 'report.written')!;
  await stand.office.resend(report.id, 'key:admin', 'all');
  await stand.ended(run, 3);
  expect(slack.messages.map(({ by }) => by)).toEqual(['bot']);
});

it('does not go back to what was before, when an earlier milestone is told late', async () => {
  await stand.runner({}, await config());
  const run = await open();
  await stand.ended(run, 3);
  const early = (await stand.deliveries(run)).find(({ milestone }) => milestone === 'acquisition.finished')!;
  const calls = slack.calls.length;
  await stand.office.resend(early.id, 'key:admin', 'all');
  await stand.until(run, (all) => all.every(({ state }) => state === 'delivered') && all.some(({ resentBy }) => resentBy !== undefined));
  expect(slack.calls).toHaveLength(calls);
  expect(shownBy(slack.messages[0]!)).toContain('The report is written.');
});

it('believes nothing of a message that no worker has signed', async () => {
  await stand.runner({}, await config());
  const run = await open();
  await stand.ended(run, 3);
  const { redis, keys, signer, folder } = engine();
  const forged = new SignedTexts(signer, keyRing(folder), () => undefined);
  const state = { toldAt: '2099-01-01T00:00:00.000Z', replies: 0, channel: slack.channel, ts: '1.1' };
  await redis.set(keys.chat(`${run}/soc`), forged.sign({ purpose: 'chat', about: `${run}/soc` }, state));
  slack.clock = () => Date.now() + 60_000;
  const report = (await stand.deliveries(run)).find(({ milestone }) => milestone === 'report.written')!;
  const before = slack.messages.length;
  await stand.office.resend(report.id, 'key:admin', 'all');
  await stand.until(run, () => slack.messages.length > before);
  expect(stand.logged.join('')).toContain('custody-broken');
});

it.each([
  ['invalid_auth', 'Slack does not take the token'],
  ['channel_not_found', 'Slack does not know the channel, or the bot may not see it'],
  ['<!channel> something of Slack', 'Slack refused the message'],
])('says %s in words of its own, and tries again', async (error, message) => {
  slack.faults.push(...Array.from({ length: 5 }, () => ({ status: 200, body: { ok: false, error } })));
  await stand.runner({}, await config({ milestones: ['report.written'] }));
  const run = await open();
  const [waiting] = await stand.until(run, (all) => all[0]?.lastError !== undefined);
  expect(waiting).toMatchObject({ state: 'pending', lastError: { code: 'delivery-failed', message } });
});

it('sends nothing to an address that is not allowed', async () => {
  await stand.runner({}, await config({ addresses: [] }));
  const run = await open();
  const all = await stand.ended(run, 3, 'dead');
  for (const each of all) expect(each.lastError).toMatchObject({ code: 'address-refused' });
  expect(slack.calls).toEqual([]);
});

it('lets no secret out: not into Redis, not into the log, not into custody', async () => {
  slack.faults.push({ status: 500, body: { ok: false, error: 'fatal_error' } });
  await stand.runner({}, await config());
  const run = await openByCommand();
  await stand.until(run, (all) => all.length === 3 && all.filter(({ state }) => state === 'delivered').length >= 2);
  const { redis, keys } = engine();
  const kept: string[] = [...stand.logged, ...(await engine().entries(run)).map((entry) => JSON.stringify(entry))];
  for (const key of await redis.keys(`${keys.prefix}:chat*`)) kept.push((await redis.get(key)) ?? '');
  for (const key of await redis.keys(`${keys.prefix}:delivery:*`))
    if ((await redis.type(key)) === 'hash') kept.push(JSON.stringify(await redis.hgetall(key)));
  for (const secret of [slack.token, slack.signingSecret, '/commands/']) expect(kept.join('\n')).not.toContain(secret);
  expect(slack.messages.flatMap(markupOf).join('')).not.toMatch(/[<>]/);
});

it('replies five times, and is the bot from then on, with one message', async () => {
  const port = (await openEndpoints(await config())).get('soc')!;
  const command = slack.command('shop/web-0');
  slack.show(command, { response_type: 'in_channel', text: 'A run is open.' });
  const sealed = seal(slack.signingSecret, 'r0/soc', new URLSearchParams(command.body).get('response_url')!);
  let state = chatSchema.parse({});
  const chat: Chat = {
    get state() {
      return state;
    },
    reply: () => Promise.resolve({ sealed, about: 'r0/soc' }),
    keep: (next) => {
      state = next;
      return Promise.resolve();
    },
  };
  for (let version = 1; version <= 8; version += 1) {
    const batch = { id: `b${version}`, state: 'completed', cluster: 'default', counts: {}, links: { batch: '/b' } } as const;
    const event = { type: 'batch.finished', timestamp: new Date().toISOString(), data: { batch } } as const;
    const message = { id: 'd0', event, body: JSON.stringify(event), at: new Date(), chat };
    expect(await port.send(message, afterMs(5_000))).toMatchObject({ taken: true });
  }
  expect(slack.messages).toMatchObject([
    { by: 'reply', before: { length: 5 } },
    { by: 'bot', before: { length: 2 } },
  ]);
  expect(slack.calls.every(({ status }) => status === 200)).toBe(true);
});
