import { Readable } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { verifyChain } from '../../../playbooks/domain/custody.js';
import { readPublicKeys } from '../../../store/public-keys.js';
import { Uploads } from '../../../store/uploads.js';
import { type Emulator, type EmulatorOptions, startVirusTotalEmulator } from '../../emulators/virustotal.js';
import { apiKey, contents, hashOf, UploadEngine } from './upload-engine.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const finds = new Map([[hashOf('miner'), { name: 'x', malicious: 40, undetected: 30, label: 'miner.xmrig/linux' }]]);
let emulator: Emulator | undefined;

afterEach(async () => {
  await emulator?.close();
  emulator = undefined;
});

async function setUp(options: Partial<EmulatorOptions> = {}): Promise<{ it: UploadEngine; emulator: Emulator }> {
  const uploads = { finds, ...options.uploads };
  emulator = await startVirusTotalEmulator({ keys: [apiKey], known: new Map(), perMinute: 1_000, perDay: 10_000, ...options, uploads });
  return { it: await UploadEngine.create(engine(), emulator), emulator };
}

const sent = ({ uploaded }: Emulator): string[] => uploaded.map(({ sha256 }) => sha256);
const actsOf = (entries: readonly { act: string; subject?: string | undefined }[]): string[] =>
  entries.filter(({ act }) => act.startsWith('artifact.upload')).map(({ act }) => act);

test('in the default installation no content leaves, whatever a run asks for: the source gets questions only', async () => {
  const { it, emulator: source } = await setUp();
  await it.runner();
  for (const asked of [undefined, 'never', 'private', 'public'] as const) {
    const { view, step, entries, report } = await it.ended(await it.open('two', asked));
    expect(view).toMatchObject({ state: 'completed', completeness: 'full' });
    expect(report.completeness).toBe('full');
    const asks = asked === 'private' || asked === 'public';
    expect(step).toMatchObject(asks ? { state: 'succeeded' } : { state: 'skipped', reason: 'not-applicable' });
    expect(report.limits.filter(({ reason }) => reason === 'upload-forbidden')).toHaveLength(asks ? 1 : 0);
    expect(actsOf(entries)).toEqual([]);
  }
  expect([...source.requests.perMethod.keys()]).toEqual(['GET']);
  expect(source.uploaded).toEqual([]);
});

test.each([
  ['never', 'private'],
  ['never', 'public'],
  ['private', 'public'],
] as const)('an installation that allows %s sends nothing for a run that asks for %s, and says so', async (mode, asked) => {
  const { it, emulator: source } = await setUp();
  await it.runner({ mode });
  const { step } = await it.ended(await it.open('one', asked));
  expect(step.limits).toMatchObject([{ reason: 'upload-forbidden' }]);
  expect(source.uploaded).toEqual([]);
});

test.each(['private', 'public'] as const)('an installation that allows %s sends nothing for a run that does not ask', async (mode) => {
  const { it, emulator: source } = await setUp();
  await it.runner({ mode });
  const { view, step } = await it.ended(await it.open('one'));
  expect(step).toMatchObject({ state: 'skipped', reason: 'not-applicable' });
  expect(view.completeness).toBe('full');
  expect([...source.requests.perMethod.keys()]).toEqual(['GET']);
});

test('where both want it an unknown file is sent, and its answer takes the place of the unknown one before the run is judged', async () => {
  const { it, emulator: source } = await setUp({ uploads: { polls: 3 } });
  await it.runner({ mode: 'public' });
  const run = await it.open('one', 'public');
  const { view, entries, report } = await it.ended(run);
  expect(view).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'malicious' });
  expect(source.uploaded).toEqual([
    // By its hash: the suspect's name for it stays here.
    { mode: 'public', sha256: hashOf('miner'), bytes: contents.miner.length, filename: hashOf('miner'), large: false },
  ]);
  expect(report.lookups).toMatchObject([{ sha256: hashOf('miner'), status: 'detected', label: 'miner.xmrig/linux' }]);
  expect(await engine().reader.lookups(run)).toMatchObject([{ status: 'detected' }]);
  const answered = entries.filter(({ act }) => act === 'lookup.answered');
  expect(answered.map(({ detail }) => detail['status'])).toEqual(['unknown', 'detected']);
  expect(verifyChain(run, await engine().reader.custody(run, 0, 1_000), await readPublicKeys(engine().folder))).toMatchObject({ ok: true });
});

test('custody holds who consented to what before the file is sent, and the analysis after', async () => {
  const { it } = await setUp();
  await it.runner({ mode: 'public', maxBytes: 777 });
  const { entries } = await it.ended(await it.open('one', 'public', 'berta'));
  const [consent, uploaded, ...more] = entries.filter(({ act }) => act.startsWith('artifact.upload'));
  expect(more).toEqual([]);
  expect(consent).toMatchObject({
    act: 'artifact.upload-consented',
    subject: hashOf('miner'),
    detail: { requestedBy: 'berta', mode: 'public', size: contents.miner.length, policy: { upload: 'public', maxBytes: 777 }, source: 'virustotal' },
  });
  expect(uploaded).toMatchObject({ act: 'artifact.uploaded', subject: hashOf('miner'), detail: { analysis: expect.any(String) as string } });
});

test('the second run that has the file sends it no more, and has its answer all the same', async () => {
  const { it, emulator: source } = await setUp({ uploads: { polls: 4 } });
  await it.runner({ mode: 'public' });
  const runs = await Promise.all([1, 2, 3].map(() => it.open('one', 'public')));
  for (const run of runs) expect((await it.ended(run)).report.lookups).toMatchObject([{ status: 'detected' }]);
  expect(sent(source)).toEqual([hashOf('miner')]);
});

test('a private upload is seen by nobody else, and what its sandboxes say is no more than a warning', async () => {
  const { it, emulator: source } = await setUp({ uploads: { privateAllowed: true } });
  await it.runner({ mode: 'public' });
  const { view, report } = await it.ended(await it.open('two', 'private'));
  expect(view.completeness).toBe('full');
  expect(source.uploaded.map(({ mode }) => mode)).toEqual(['private', 'private']);
  const byHash = new Map(report.lookups.map((lookup) => [lookup.sha256, lookup]));
  expect(byHash.get(hashOf('miner'))).toMatchObject({ status: 'suspicious', reason: expect.stringContaining('Zenbox') as string });
  expect(byHash.get(hashOf('script'))).toMatchObject({ status: 'unknown', reason: expect.stringContaining('no antivirus engine') as string });
  const public_ = await fetch(`${source.url}/api/v3/files/${hashOf('miner')}`, { headers: { 'x-apikey': apiKey } });
  expect(public_.status).toBe(404);
});

test('a key without Private Scanning is a gap, and asks about hashes as before', async () => {
  const { it, emulator: source } = await setUp();
  await it.runner({ mode: 'private' });
  const { view, step, entries } = await it.ended(await it.open('one', 'private'));
  expect(step.gaps).toMatchObject([{ subject: hashOf('miner'), reason: 'method-forbidden' }]);
  expect(view.completeness).toBe('partial');
  expect(actsOf(entries)).toEqual(['artifact.upload-consented', 'artifact.upload-failed']);
  const { report } = await it.ended(await it.open('two'));
  expect(report.lookups.map(({ status }) => status)).toEqual(['unknown', 'unknown']);
  expect(source.uploaded).toEqual([]);
});

test('what is not here, not whole, too large or beyond the count of a run is not sent; programs and scripts go first', async () => {
  const { it, emulator: source } = await setUp();
  await it.runner({ mode: 'public' });
  const { view, step } = await it.ended(await it.open('mixed', 'public'));
  expect(view.completeness).toBe('full');
  expect(sent(source).sort()).toEqual([hashOf('miner'), hashOf('script')].sort());
  expect(step.limits.map(({ reason, subject }) => [reason, subject])).toEqual([
    ['upload-not-here', '2 unknown files'],
    ['upload-too-large', '1 unknown file'],
    ['upload-budget', '1 unknown file'],
  ]);
});

test('a file of more than 32 MB goes to an address that is asked for first, one request of the quota each', async () => {
  const { it, emulator: source } = await setUp({ perMinute: 2, minuteMs: 1_000 });
  const mode = { mode: 'public', maxBytes: 64 * 1024 * 1024 } as const;
  await it.runner(mode, { quotaLimits: { perMinute: 2, perDay: 1_000, perMonth: 1_000 }, quotaTimes: { windowMs: 1_200 } });
  const { report } = await it.ended(await it.open('huge', 'public'));
  expect(report.lookups).toMatchObject([{ status: 'undetected' }]);
  expect(source.uploaded).toMatchObject([{ sha256: hashOf('huge'), bytes: contents.huge.length, large: true }]);
  expect(source.requests.overQuota).toBe(0);
});

test('bytes that are not those of the hash are never sent as a whole', async () => {
  const { it, emulator: source } = await setUp();
  const forged = contents.miner.replace('nobody', 'no-one');
  await it.runner(
    { mode: 'public' },
    {},
    {
      ...it.evidence,
      open: (sha256) => (sha256 === hashOf('miner') ? Promise.resolve(Readable.from([Buffer.from(forged)])) : it.evidence.open(sha256)),
    },
  );
  const { step, entries } = await it.ended(await it.open('one', 'public'));
  expect(step.gaps).toMatchObject([{ subject: hashOf('miner'), reason: 'store-corrupt' }]);
  expect(entries.find(({ act }) => act === 'artifact.upload-failed')?.detail).toMatchObject({ error: 'store-corrupt', arrived: 'no' });
  expect(source.uploaded).toEqual([]);
});

test('a claim and an outcome that nobody has signed are not believed, and the file stays here', async () => {
  const { it, emulator: source } = await setUp();
  const run = await it.open('one', 'public');
  const { redis, keys } = engine();
  await redis.set(keys.uploadClaim(`public.${hashOf('miner')}`), run);
  const askedAt = new Date().toISOString();
  const lookup = { sha256: hashOf('miner'), source: 'virustotal', status: 'undetected', askedAt, cached: false };
  await redis.hset(keys.uploads(run), hashOf('miner'), JSON.stringify({ what: 'answered', lookup }));
  await it.runner({ mode: 'public' });
  const { step, entries } = await it.ended(run);
  expect(step.gaps).toMatchObject([{ subject: hashOf('miner'), reason: 'custody-broken' }]);
  expect(entries.find(({ act }) => act === 'artifact.upload-failed')?.detail).toMatchObject({ error: 'custody-broken', arrived: 'unknown' });
  expect(source.uploaded).toEqual([]);
});

test('a file that a lost worker was sending is not sent again', async () => {
  const { it, emulator: source } = await setUp();
  const run = await it.open('one', 'public');
  await new Uploads(engine().redis, engine().keys, engine().texts).claim({ sha256: hashOf('miner'), mode: 'public' }, run);
  await it.runner({ mode: 'public' });
  const { step, entries, view } = await it.ended(run);
  expect(step.gaps).toMatchObject([{ subject: hashOf('miner'), reason: 'worker-lost' }]);
  expect(view.completeness).toBe('partial');
  expect(entries.find(({ act }) => act === 'artifact.upload-failed')?.detail).toMatchObject({ arrived: 'unknown' });
  expect(source.uploaded).toEqual([]);
});

test('waiting for quota and analysis shows, holds no attempt, and no request goes beyond the ledger', async () => {
  const { it, emulator: source } = await setUp({ perMinute: 2, minuteMs: 1_000, uploads: { polls: 2 } });
  await it.runner({ mode: 'public' }, { quotaLimits: { perMinute: 2, perDay: 1_000, perMonth: 1_000 }, quotaTimes: { windowMs: 1_200 } });
  const run = await it.open('two', 'public');
  await engine().until(
    run,
    ({ waitingFor, steps }) =>
      waitingFor?.for === 'quota' && waitingFor.eta !== undefined && steps.find(({ name }) => name === 'upload-unknown')?.state === 'waiting',
  );
  const { view, report, entries } = await it.ended(run);
  expect(view.waitingFor).toBeUndefined();
  expect(report.lookups.map(({ status }) => status).sort()).toEqual(['detected', 'undetected']);
  expect(entries.filter(({ act, subject }) => act === 'step.started' && subject === 'upload-unknown')).toHaveLength(1);
  expect(source.requests.overQuota).toBe(0);
  expect(sent(source)).toHaveLength(2);
});

test('an analysis that is not complete before the deadline is a gap, and the file stays unknown', async () => {
  const { it, emulator: source } = await setUp({ uploads: { polls: 1_000 } });
  await it.runner({ mode: 'public' }, { timings: { lookupDeadlineMs: { interactive: 1_500, other: 1_500 } } });
  const { view, step, report } = await it.ended(await it.open('one', 'public'));
  expect(view).toMatchObject({ state: 'completed', completeness: 'partial' });
  expect(step.gaps).toMatchObject([{ subject: hashOf('miner'), reason: 'upload-pending' }]);
  expect(report.lookups).toMatchObject([{ status: 'unknown' }]);
  expect(sent(source)).toHaveLength(1);
});

test('a source that is away for a moment gets the file once it is back, once', async () => {
  const { it, emulator: source } = await setUp({ uploads: { polls: 2 } });
  await it.runner({ mode: 'public' }, { timings: { analysisPollMs: 1_000 } });
  source.outage(true, 'POST');
  const run = await it.open('one', 'public');
  await vi.waitUntil(async () => actsOf(await engine().entries(run)).includes('artifact.upload-failed'), 30_000);
  source.outage(false);
  const { report, entries } = await it.ended(run);
  expect(report.lookups).toMatchObject([{ status: 'detected' }]);
  expect(sent(source)).toEqual([hashOf('miner')]);
  expect(actsOf(entries).slice(-2)).toEqual(['artifact.upload-consented', 'artifact.uploaded']);
});

test('a run that is cancelled while it waits sends nothing more', async () => {
  const { it, emulator: source } = await setUp({ uploads: { polls: 1_000 } });
  await it.runner({ mode: 'public' });
  const run = await it.open('one', 'public');
  await engine().until(run, ({ steps }) => steps.find(({ name }) => name === 'upload-unknown')?.state === 'waiting');
  await engine().commander.cancel(run, 'test');
  expect((await it.ended(run)).view.state).toBe('cancelled');
  expect(sent(source)).toHaveLength(1);
});

test('the key is in no entry, value or record of an upload', async () => {
  const { it } = await setUp({ uploads: { privateAllowed: true } });
  await it.runner({ mode: 'public' });
  const run = await it.open('two', 'private');
  const { entries, report } = await it.ended(run);
  const values = await engine().redis.hgetall(engine().keys.uploads(run));
  expect(Object.keys(values)).not.toHaveLength(0);
  expect(JSON.stringify([entries, report, values])).not.toContain(apiKey);
});
