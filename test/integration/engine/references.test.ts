import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { Amendments } from '../../../store/amendments.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { keyRing } from '../../../store/public-keys.js';
import { References, removalTimes } from '../../../store/references.js';
import { RegisterWitness } from '../../../store/register-witness.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { collectEvidence } from '../../../workers/runner/collect.js';
import { LiveContents } from '../../../workers/runner/live-contents.js';
import { type ReferringEvidence, referringEvidence } from '../../../workers/runner/referring-evidence.js';
import { fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const { signal } = new AbortController();
const data = Buffer.from('the same bytes');
const sha256 = sha256Hex(data);

let references: References;
let store: EvidenceKeeper;
let run: string;
let evidence: ReferringEvidence;

beforeEach(async () => {
  const { redis, keys } = engine();
  references = new References(redis, keys);
  store = await createDiskEvidence(join(engine().folder, 'evidence'));
  run = await engine().open('brief');
  evidence = referringEvidence(store, references, { id: run, isRun: true }, signal);
});

async function unreferenced(): Promise<void> {
  await store.put([data], signal);
  await engine().redis.zadd(engine().keys.unreferenced, 1, sha256);
}

test('a content that a run refers to is never marked', async () => {
  await unreferenced();
  expect(await evidence.has(sha256)).toBe(true);
  expect(await references.isReferred(sha256)).toBe(true);
  expect(await references.doom({ sha256, again: false })).toBeUndefined();
  expect(await references.unreferenced(10)).toEqual([]);
});

test('while a content is removed the store does not have it, and bytes wait until it is gone', async () => {
  await unreferenced();
  const doomed = (await references.doom({ sha256, again: false }))!;
  expect(await references.doom({ sha256, again: false })).toBeUndefined();
  expect(await evidence.has(sha256)).toBe(false);
  const put = evidence.put([data], signal);
  expect(await Promise.race([put, sleep(200, 'waits')])).toBe('waits');
  await store.remove(sha256, () => references.stillDoomed(doomed));
  expect(await store.has(sha256)).toBe(false);
  await references.undoom(doomed);
  expect(await put).toMatchObject({ sha256, existed: false });
  expect(await evidence.has(sha256)).toBe(true);
});

test('who waits can be stopped, and forgets his bytes', async () => {
  await unreferenced();
  await references.doom({ sha256, again: false });
  const stop = new AbortController();
  const put = evidence.put([data], stop.signal);
  await sleep(100);
  stop.abort();
  await expect(put).rejects.toMatchObject({ code: 'cancelled' });
});

test('a remover that was lost holds nobody up for longer than its mark lasts, and does no harm when it wakes up', async () => {
  await unreferenced();
  const hasty = new References(engine().redis, engine().keys, undefined, { ...removalTimes, doomedMs: 300, marginMs: 100 });
  const doomed = (await hasty.doom({ sha256, again: false }))!;
  const { existed } = await evidence.put([data], signal);
  expect(existed).toBe(true);
  await store.remove(sha256, () => hasty.stillDoomed(doomed));
  await hasty.undoom(doomed);
  expect(await store.check(sha256, signal)).toBe(true);
  expect(await references.doom({ sha256, again: false })).toBeUndefined();
});

test('thousands that are asked about at once are a few calls to Redis', async () => {
  const calls = async (): Promise<number> => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await engine().redis.info('commandstats'))?.[1] ?? 0);
  await evidence.has(sha256);
  const before = await calls();
  const names = Array.from({ length: 5_000 }, (_, number) => sha256Hex(`content ${number}`));
  const there = await Promise.all(names.map((name) => evidence.has(name)));
  expect(there).not.toContain(true);
  expect((await calls()) - before).toBeLessThan(20);
  expect(await engine().redis.scard(engine().keys.refers(run))).toBe(names.length + 1);
});

test('a run that there is not refers to nothing', async () => {
  const nobody = referringEvidence(store, references, { id: 'r0000', isRun: true }, signal);
  await expect(nobody.put([data], signal)).rejects.toMatchObject({ code: 'stale-attempt' });
  expect(await store.has(sha256)).toBe(false);
  expect(await references.isReferred(sha256)).toBe(false);
});

test('what cannot be removed does not stand in the way of others', async () => {
  const { redis, keys, queues, folder } = engine();
  await store.put([data], signal);
  const stuck = Array.from({ length: 300 }, (_, at) => sha256Hex(`stuck ${at}`));
  await redis.zadd(keys.unreferenced, ...stuck.flatMap((each) => [1, each]), 2, sha256);
  const keeper: EvidenceKeeper = {
    ...store,
    remove: (name, ...rest) => (name === sha256 ? store.remove(name, ...rest) : Promise.reject(new Error('the bucket keeps it'))),
  };
  const logger = pino({ level: 'silent' });
  const trusted = keyRing(folder);
  const alert = (): void => undefined;
  const register = new RegisterWitness({ redis, keys, trusted, alert });
  const live = new LiveContents({ redis, keys, trusted, register, quietMs: 0 });
  const signed = new SignedRuns(redis, keys, trusted);
  const amendments = new Amendments(redis, keys, queues, 1_000);
  const collecting = { references, amendments, logger, ports: { ...fakePorts, keeper }, live, signed, alert, clock: () => new Date() };
  for (let pass = 0; pass < 2; pass += 1) await collectEvidence(collecting);
  expect(await store.has(sha256)).toBe(false);
  expect(await references.unreferenced(1)).toEqual([]);
  expect(await redis.zcard(keys.unreferenced)).toBe(300);
});
