import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { verifyChain } from '../../../playbooks/domain/custody.js';
import { CustodyWriter } from '../../../store/custody.js';
import { keyRing, readPublicKeys, type TrustedKeys } from '../../../store/public-keys.js';
import { connectRedis } from '../../../store/redis.js';
import { RunLog } from '../../../store/run-log.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { aroundScripts } from './around-scripts.js';
import { AttackStand } from './attack-stand.js';
import { fileArtifact } from './synthetic-file.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const read = { act: 'evidence.read', detail: { what: 'report' } } as const;
const held = (reason: string) => ({ act: 'evidence.held', detail: { reason } }) as const;

async function verdict(run: string): Promise<ReturnType<typeof verifyChain>> {
  return verifyChain(run, await engine().reader.custody(run, 0, 100_000), await readPublicKeys(engine().folder));
}

/** Sends each script twice, as a client does that lost the answer to the first. */
function forgetful(redis: Redis): Redis {
  return aroundScripts(redis, async (send) => {
    await send();
    return send();
  });
}

test('an act whose answer was lost and that is sent again stands in custody once', async () => {
  const run = await engine().open('brief');
  await engine().custody.append(run, [read]);
  const writer = new CustodyWriter(forgetful(engine().redis), engine().keys, engine().signer, 'forgetful');
  for (let turn = 0; turn < 5; turn++) await writer.append(run, [read, read]);
  expect((await engine().entries(run)).filter(({ actor }) => actor === 'forgetful')).toHaveLength(10);
  expect(await verdict(run)).toMatchObject({ ok: true, entries: 12 });
});

test('acts that are said in one breath are written in one, in the order in which they were said', async () => {
  const run = await engine().open('brief');
  let sent = 0;
  const counted = aroundScripts(engine().redis, (send) => {
    sent += 1;
    return send();
  });
  const writer = new CustodyWriter(counted, engine().keys, engine().signer, 'writer');
  const log = new RunLog(engine().redis, engine().keys, writer);
  const [a, b, c] = [held('a'), held('b'), held('c')];
  // The chain is known to this writer from here on.
  await writer.append(run, [read]);
  sent = 0;
  await Promise.all([writer.append(run, [a]), writer.append(run, [b])]);
  expect(sent).toBe(1);
  await Promise.all([writer.append(run, [a]), log.begin(run, 'locate', 1), writer.append(run, [b]), writer.append(run, [c])]);
  expect(sent).toBe(4);
  const said = (await engine().entries(run)).slice(2).map(({ act, detail }) => detail['reason'] ?? act);
  expect(said).toEqual(['a', 'b', 'a', 'step.started', 'b', 'c']);
  expect(await verdict(run)).toMatchObject({ ok: true });
});

test('an act that cannot be said keeps no other out that was said in the same breath', async () => {
  const run = await engine().open('brief');
  const writer = engine().custody;
  const bad = { act: 'evidence.held', detail: { reason: 1 } } as never;
  const [good, refused] = await Promise.allSettled([writer.append(run, [read]), writer.append(run, [bad])]);
  expect(good.status).toBe('fulfilled');
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
  expect(await verdict(run)).toMatchObject({ ok: true, entries: 2 });
});

test('begin, finish and artifacts that are sent again are done once', async () => {
  const run = await engine().open('brief');
  await engine().custody.append(run, [read]);
  const sure = new RunLog(engine().redis, engine().keys, engine().custody);
  const begun = await sure.begin(run, 'locate', 1);
  const writer = new CustodyWriter(forgetful(engine().redis), engine().keys, engine().signer, 'forgetful');
  const log = new RunLog(engine().redis, engine().keys, writer);
  const again = await log.begin(run, 'locate', 2);
  if (begun.what !== 'go' || again.what !== 'go') throw new Error('the step did not begin');
  const attempt = { run, step: 'locate', fence: again.fence };
  await log.recordArtifacts(attempt, [fileArtifact(run, 'a', new Date())]);
  const at = new Date().toISOString();
  const record = { status: 'succeeded', attempt: 2, startedAt: at, finishedAt: at, facts: {}, gaps: [], limits: [] } as const;
  expect(await log.finish(attempt, { ...record, gaps: [], limits: [] })).toBe('ok');
  const acts = (await engine().entries(run)).map(({ act }) => act);
  expect(acts).toEqual(['run.requested', 'evidence.read', 'step.started', 'step.started', 'artifact.stored', 'step.finished']);
  expect(await verdict(run)).toMatchObject({ ok: true });
});

test.each(['\xff\xfe', 'junk'])('nothing is written to a chain whose head in Redis is no hash: %j', async (head) => {
  const { redis, keys, custody, signer } = engine();
  const run = await engine().open('brief');
  await redis.set(keys.head(run), Buffer.from(head, 'latin1'));
  for (const writer of [custody, new CustodyWriter(redis, keys, signer, 'other')])
    await expect(writer.append(run, [read])).rejects.toMatchObject({ code: 'custody-broken' });
  expect(await engine().entries(run)).toHaveLength(1);
});

test('what a step rests on is of one moment, also while others read on', async () => {
  const stand = new AttackStand(engine());
  const { redis, keys, folder } = engine();
  const run = await stand.waitingRun('steady');
  const ring = keyRing(folder);
  let looked = Promise.resolve();
  // A key is looked for in files, as after a rotation.
  const slow: TrustedKeys = async (kid, role) => {
    if (role === 'api') await looked;
    return ring(kid, role);
  };
  const signed = new SignedRuns(redis, keys, slow);
  await signed.standing(run);
  let found = (): void => undefined;
  looked = new Promise((resolve) => (found = resolve));
  const before = signed.standing(run);
  await redis.ping();
  await stand.did(run, 'locate', {});
  expect((await signed.records(run)).size).toBe(1);
  found();
  expect((await before).records.size).toBe(0);
});

test('eight writers on one chain lose nothing', async () => {
  const run = await engine().open('brief');
  const connections = Array.from({ length: 8 }, () => connectRedis(engine().server.endpoint));
  const writers = connections.map((redis) => new CustodyWriter(redis, engine().keys, engine().signer, 'writer'));
  await Promise.all(
    writers.map(async (writer) => {
      for (let turn = 0; turn < 40; turn++) await writer.append(run, [read]);
    }),
  );
  for (const redis of connections) redis.disconnect();
  expect(await verdict(run)).toMatchObject({ ok: true, entries: 321 });
});

test('an attempt that was overtaken records neither artifacts nor an outcome, but what it did on the target', async () => {
  const run = await engine().open('brief');
  const log = new RunLog(engine().redis, engine().keys, engine().custody);
  const old = await log.begin(run, 'locate', 1);
  const young = await log.begin(run, 'locate', 1);
  if (old.what !== 'go' || young.what !== 'go') throw new Error('the step did not begin');
  const dead = { run, step: 'locate', fence: old.fence };
  const alive = { run, step: 'locate', fence: young.fence };
  const artifacts = [fileArtifact(run, 'a', new Date()), fileArtifact(run, 'b', new Date())];
  await expect(log.recordArtifacts(dead, artifacts)).rejects.toMatchObject({ code: 'stale-attempt' });
  await log.recordArtifacts(alive, artifacts.slice(0, 1));
  await log.recordArtifacts(alive, artifacts);
  const at = new Date().toISOString();
  const record = { status: 'succeeded' as const, attempt: 1, startedAt: at, finishedAt: at, facts: {}, gaps: [], limits: [] };
  expect(await log.finish(dead, record)).toBe('stale');
  expect(await log.finish(alive, record)).toBe('ok');
  expect(await log.finish(dead, record)).toBe('already');
  await expect(log.recordArtifacts(alive, [fileArtifact(run, 'c', new Date())])).rejects.toMatchObject({ code: 'stale-attempt' });
  await log.record(run, [{ act: 'command.finished', subject: 'node-a', detail: { call: randomUUID(), step: 'locate', name: 'x', exitCode: 0 } }]);
  expect((await engine().reader.artifacts(run)).map(({ name }) => name).sort()).toEqual(['a', 'b']);
  const acts = (await engine().entries(run)).map(({ act }) => act);
  expect(acts.filter((act) => act === 'artifact.stored')).toHaveLength(2);
  expect(acts.at(-1)).toBe('command.finished');
});

test('hundreds of artifacts are recorded in batches, and once when asked again', async () => {
  const run = await engine().open('brief');
  const log = new RunLog(engine().redis, engine().keys, engine().custody);
  const begun = await log.begin(run, 'locate', 1);
  if (begun.what !== 'go') throw new Error('the step did not begin');
  const artifacts = Array.from({ length: 250 }, (_, at) => fileArtifact(run, String(at), new Date()));
  await log.recordArtifacts({ run, step: 'locate', fence: begun.fence }, artifacts.slice(0, 130));
  await log.recordArtifacts({ run, step: 'locate', fence: begun.fence }, artifacts);
  expect(await engine().reader.artifacts(run)).toHaveLength(250);
  expect(await verdict(run)).toMatchObject({ ok: true, entries: 252 });
});

test('text with a lone surrogate does not stop the chain', async () => {
  const run = await engine().open('brief');
  await engine().custody.append(run, [{ act: 'evidence.held', subject: 'a\ud800b', detail: { reason: '\udfff' } }]);
  expect(await verdict(run)).toMatchObject({ ok: true, entries: 2 });
});

test('an entry that somebody adds without a key is found', async () => {
  const run = await engine().open('brief');
  const [first] = await engine().reader.custody(run, 0, 1);
  await engine().redis.rpush(engine().keys.custody(run), first!.replace('"seq":0', '"seq":1'));
  expect(await verdict(run)).toMatchObject({ ok: false, at: 1 });
});
