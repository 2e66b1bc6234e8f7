import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { type GivenLimits, keyId } from '../../../playbooks/domain/quota.js';
import type { priorities } from '../../../playbooks/domain/request.js';
import type { LookupDesk } from '../../../store/lookup-desk.js';
import type { LedgerTimes } from '../../../store/quota.js';
import { quotaStates } from '../../../store/quota-keys.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import type { RunnerOptions } from '../../../workers/runner/create-runner.js';
import { type Emulator, type EmulatorOptions, startVirusTotalEmulator } from '../../emulators/virustotal.js';
import { fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const [a, b] = ['first-key', 'second-key'];
const quick: LedgerTimes = { blocksMs: [300, 600, 60_000], tryMs: 5_000, lookAgainMs: 20 };
const plenty: GivenLimits = { perMinute: 1_000, perDay: 1_000, perMonth: 9_000 };
const summaryPath = '/api/v3/users/{id}/overall_quotas';
let emulator: Emulator | undefined;

afterEach(async () => {
  await emulator?.close();
  emulator = undefined;
});

async function source(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const limits = { perMinute: 1_000, perDay: 1_000, perMonth: 9_000 };
  emulator = await startVirusTotalEmulator({ keys: [a, b], known: new Map(), ...limits, ...options });
  return emulator;
}

/** A worker with these keys, each with limits of its own. */
async function worker(keys: readonly string[], limits: GivenLimits = {}, more: Partial<RunnerOptions> = {}): Promise<void> {
  const intel = createVirusTotal({ url: emulator?.url ?? '', apiKeys: keys.map((key) => ({ key, limits })) });
  await engine().runner({ ports: { ...fakePorts, intel }, quotaLimits: {}, quotaTimes: quick, ...more });
}

function desk(): LookupDesk {
  return engine().desk;
}

async function ask(hashes: readonly string[], priority: keyof typeof priorities = 'interactive'): Promise<void> {
  await desk().ask(
    'some.step',
    hashes.map((sha256) => ({ sha256, rank: 0 })),
    priority,
  );
}

const some = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => sha256Hex(`hash ${from + at}`));

async function answered(hashes: readonly string[], count = hashes.length): Promise<Lookup[]> {
  await expect.poll(async () => (await desk().answers(hashes)).size, { timeout: 20_000 }).toBe(count);
  return [...(await desk().answers(hashes)).values()];
}

/** Waits until the ledger of a key refuses for this reason. */
async function refuses(key: string, why: string): Promise<void> {
  const state = async (): Promise<string | undefined> =>
    (await quotaStates(engine().redis, engine().keys)).states.find((each) => each.key === keyId(key))?.why;
  await expect.poll(state, { timeout: 20_000 }).toBe(why);
}

async function reported(key: string): Promise<void> {
  const at = async (): Promise<number | undefined> =>
    (await quotaStates(engine().redis, engine().keys)).states.find((each) => each.key === keyId(key))?.reportedAt;
  await expect.poll(at, { timeout: 20_000 }).toBeGreaterThan(0);
}

test('two keys have two budgets, and neither is overdrawn', async () => {
  const { requests } = await source({ perMinute: 3 });
  await worker([a, b]);
  await Promise.all([reported(a), reported(b)]);
  const hashes = some(6);
  await ask(hashes);
  await answered(hashes, 4);
  await refuses(b, 'burst');
  expect(Object.fromEntries(requests.perKey)).toEqual({ [a]: 3, [b]: 3 });
  expect(requests).toMatchObject({ total: 4, overQuota: 0, summaries: 2 });
});

test('a key that may do more than the public API is used for more, without a word of configuration', async () => {
  const { requests } = await source({ perMinute: 1_000 });
  await worker([a]);
  await reported(a);
  const hashes = some(20);
  await ask(hashes);
  await answered(hashes);
  expect(requests.overQuota).toBe(0);
});

test('a key that may do less than configured is used for less', async () => {
  const { requests } = await source({ perDay: 3 });
  await worker([a], plenty);
  await reported(a);
  const hashes = some(8);
  await ask(hashes);
  await answered(hashes, 2);
  await refuses(a, 'day');
  expect(requests).toMatchObject({ total: 2, summaries: 1, overQuota: 0 });
});

test('what another tool has spent is seen before a request is refused', async () => {
  const { requests, ...virusTotal } = await source({ perMonth: 100 });
  virusTotal.spend(a, 96);
  await worker([a], plenty);
  await reported(a);
  const hashes = some(8);
  await ask(hashes);
  await answered(hashes, 3);
  await refuses(a, 'month');
  expect(requests).toMatchObject({ total: 3, overQuota: 0 });
});

test('all workers together ask once', async () => {
  const { requests } = await source();
  await Promise.all([1, 2, 3].map(() => worker([a], plenty)));
  await reported(a);
  const hashes = some(10);
  await ask(hashes);
  await answered(hashes);
  expect(requests.perKeyAndPath.get(`${a} ${summaryPath}`)).toBe(1);
});

test('a refusal is followed by the question which window it was, and that window is closed', async () => {
  const { requests, ...virusTotal } = await source({ summaryCosts: false });
  await worker([a], plenty);
  await reported(a);
  await ask(some(1));
  await answered(some(1));
  virusTotal.spend(a, 999);
  await ask(some(9, 1));
  await refuses(a, 'day');
  // Those that were on their way when the first one was refused.
  expect(requests.overQuota).toBeGreaterThan(0);
  expect(requests.overQuota).toBeLessThanOrEqual(4);
  expect(requests.summaries).toBe(2);
  expect((await desk().answers(some(10))).size).toBe(1);
});

test('a refusal that was of the minute only is got over', async () => {
  const { requests, ...virusTotal } = await source({ perMinute: 50, minuteMs: 1_500 });
  await worker([a], plenty, { quotaTimes: { ...quick, blocksMs: [2_000] } });
  await reported(a);
  virusTotal.spend(a, 49);
  const hashes = some(5);
  await ask(hashes);
  await answered(hashes);
  expect(requests.overQuota).toBeGreaterThan(0);
  expect(requests.overQuota).toBeLessThanOrEqual(4);
});

test('a source that refuses that question, too, is left alone for longer each time', async () => {
  const { requests, ...virusTotal } = await source();
  await worker([a], plenty);
  await reported(a);
  virusTotal.spend(a, 2_000);
  await ask(some(1));
  await expect.poll(() => requests.overQuota, { timeout: 20_000 }).toBe(3);
  await refuses(a, 'blocked');
  expect(requests).toMatchObject({ total: 1, summaries: 3 });
});

test('a refusal of one key is none of the other', async () => {
  const { requests, ...virusTotal } = await source();
  await worker([a, b], plenty, { quotaTimes: { ...quick, blocksMs: [60_000] } });
  await Promise.all([reported(a), reported(b)]);
  virusTotal.spend(a, 2_000);
  const hashes = some(12);
  await ask(hashes);
  const answers = await answered(hashes);
  expect(answers.map(({ status }) => status)).toEqual(hashes.map(() => 'unknown'));
  await refuses(a, 'blocked');
  expect(requests.perKeyAndPath.get(`${a} ${summaryPath}`)).toBe(1);
  expect(requests.overQuota).toBeLessThanOrEqual(4);
});

test('a key that may not ask for its quota is used as configured, and the log says so once', async () => {
  const { requests } = await source({ summaryForbidden: true });
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  await worker([a], plenty, { logger, timings: { quotaCheckMs: 50 } });
  const hashes = some(20);
  await ask(hashes);
  await answered(hashes);
  await engine().redis.del(engine().keys.quotaAsked(keyId(a)));
  await expect.poll(() => requests.summaries, { timeout: 20_000 }).toBe(2);
  expect(requests.overQuota).toBe(0);
  expect(lines.filter((line) => line.includes('does not report'))).toHaveLength(1);
});

test('a wrong key costs one request, and every lookup fails at once with the one error', async () => {
  const { requests } = await source();
  await worker(['wrong-key'], plenty);
  const hashes = some(30);
  await ask(hashes, 'batch');
  const answers = await answered(hashes);
  expect(new Set(answers.map(({ status, error }) => `${status} ${error?.code} ${error?.message}`)).size).toBe(1);
  expect(answers[0]?.error).toMatchObject({ code: 'intel-unauthorized', message: expect.stringContaining('PODTRIAGE_VT_KEY_FILE') as string });
  expect(requests.perKey.get('wrong-key')).toBe(1);
});

test('a wrong key does not keep the right one from asking', async () => {
  const { requests } = await source();
  await worker(['wrong-key', b], plenty);
  const hashes = some(12);
  await ask(hashes);
  const answers = await answered(hashes);
  expect(answers.map(({ status }) => status)).toEqual(hashes.map(() => 'unknown'));
  expect(requests.perKey.get('wrong-key')).toBe(1);
});
