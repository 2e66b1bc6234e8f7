import { join } from 'node:path';
import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { readiness } from '../../../cli/readiness.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import type { Alert } from '../../../store/alert.js';
import { RedisEvidenceLife } from '../../../store/evidence-life.js';
import { keyRing } from '../../../store/public-keys.js';
import { References } from '../../../store/references.js';
import { RegisterWitness } from '../../../store/register-witness.js';
import { SignedRuns } from '../../../store/signed-run.js';
import type { Runner } from '../../../workers/runner/create-runner.js';
import { referringEvidence } from '../../../workers/runner/referring-evidence.js';
import { AttackStand } from './attack-stand.js';
import { LateEngine } from './late-engine.js';
import { hashOf } from './late-playbook.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const { signal } = new AbortController();

let it: LateEngine;
let source: LateSource;
let life: RedisEvidenceLife;
let lines: { readonly code?: string; readonly run?: string; readonly what?: string; readonly msg: string }[];
let ahead: number;

beforeEach(async () => {
  lines = [];
  ahead = 0;
  source = new LateSource();
  it = await LateEngine.create(engine(), source);
  const { redis, keys, custody, reader, folder } = engine();
  const signed = new SignedRuns(redis, keys, keyRing(folder));
  const alert: Alert = ({ code, message }, place) => void lines.push({ code, ...place, msg: message });
  life = new RedisEvidenceLife({ redis, keys, custody, reader, signed, evidence: it.evidence, alert });
});

/** A worker that removes what nobody refers to, and remembers the register as a service does. */
function worker(): Promise<Runner> {
  const logger = pino({ level: 'error' }, { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) });
  const clock = (): Date => new Date(Date.now() + ahead);
  return it.runner({ keeper: it.evidence }, { logger, clock, witness: join(engine().folder, 'register.json') });
}

async function sealed(): Promise<string> {
  const request = { target: { namespace: 'shop', pod: 'web-0' }, playbook: 'few', options: {} };
  const run = await it.commander.open(runRequestSchema.parse(request), 'test');
  await engine().ended(run);
  return run;
}

/** What a run has recorded, and the store has: of the files that such runs take there are no bytes. */
async function contentsOf(run: string): Promise<string[]> {
  const recorded = [...new Set((await engine().reader.artifacts(run)).map(({ sha256 }) => sha256))];
  const without = new Set(await lost(recorded));
  return recorded.filter((sha256) => !without.has(sha256));
}

/** What the store does not have of these. */
async function lost(contents: readonly string[]): Promise<string[]> {
  const there = await Promise.all(contents.map((sha256) => it.evidence.has(sha256)));
  return contents.filter((_, at) => !there[at]);
}

/** As somebody does it who can write to Redis. */
async function takeReferences(contents: readonly string[]): Promise<void> {
  const { redis, keys } = engine();
  for (const sha256 of contents) await redis.multi().del(keys.refs(sha256)).zadd(keys.unreferenced, 1, sha256).exec();
}

function alerts(what: string): (typeof lines)[number][] {
  return lines.filter((line) => line.code === 'custody-broken' && line.what === what);
}

test.each(['that stands', 'that is held'])('who says in Redis that the evidence of a run %s was destroyed releases none of it', async (which) => {
  const { redis, keys, reader } = engine();
  const runner = await worker();
  const run = await sealed();
  if (which === 'that is held') await life.hold(run, 'key:lawyer', 'litigation');
  const [contents, artifacts] = [await contentsOf(run), await reader.artifacts(run)];
  await redis.zadd(keys.releasing, 1, run);
  await redis.hset(keys.run(run), 'destroyed', JSON.stringify({ by: 'key:admin', at: new Date().toISOString(), reason: 'forged' }));
  await runner.reconcile();
  expect(await lost(contents)).toEqual([]);
  expect(await reader.artifacts(run)).toEqual(artifacts);
  expect(await redis.zscore(keys.releasing, run)).toBeNull();
  expect(alerts('a release of references')).toMatchObject([{ run, msg: expect.stringContaining('its chain does not say so') as string }]);
});

test('who takes the references of a run out of Redis has none of its evidence removed, and they are given back', async () => {
  const { redis, keys } = engine();
  const runner = await worker();
  const run = await sealed();
  const contents = await contentsOf(run);
  await takeReferences(contents);
  await redis.del(keys.refers(run));
  await runner.reconcile();
  expect(await lost(contents)).toEqual([]);
  for (const sha256 of contents) expect(await redis.smembers(keys.refs(sha256))).toEqual([run]);
  expect(await redis.zcard(keys.unreferenced)).toBe(0);
  expect(alerts('a reference').map((line) => line.run)).toEqual(contents.map(() => run));
  // They are whole again: who may destroy it can.
  await life.destroy(run, 'key:admin', 'done');
  await runner.reconcile();
  expect(await lost(contents)).toEqual(contents);
});

test('what was destroyed for one run stays for another one, also when its reference was taken out of Redis', async () => {
  const runner = await worker();
  const [first, second] = [await sealed(), await sealed()];
  const others = new Set(await contentsOf(second));
  const shared = (await contentsOf(first)).filter((sha256) => others.has(sha256));
  expect(shared.length).toBeGreaterThan(0);
  await life.destroy(first, 'key:admin', 'done');
  await takeReferences(shared);
  await runner.reconcile();
  expect(await lost([...others])).toEqual([]);
  expect(new Set(alerts('a reference').map(({ run }) => run))).toEqual(new Set([second]));
});

test.each([
  ['a chain was deleted', (run: string) => engine().redis.del(engine().keys.custody(run), engine().keys.head(run))],
  ['a chain was cut', (run: string) => new AttackStand(engine()).cut(run, 3)],
  ['an entry of a chain was altered', (run: string) => spoil(run, 2)],
  ['the register was cut', () => new AttackStand(engine()).cut('register', 1)],
  ['an entry of the register was altered', () => spoil('register', 0)],
])('while %s nothing is removed at all, and the log says why', async (_name, attack) => {
  const first = await worker();
  const [run, done] = [await sealed(), await sealed()];
  await first.stop(2_000);
  const contents = [...(await contentsOf(run)), ...(await contentsOf(done))];
  await life.destroy(done, 'key:admin', 'done');
  await attack(run);
  await takeReferences(contents);
  await (await worker()).reconcile();
  expect(await lost(contents)).toEqual([]);
  expect(alerts('what runs refer to')).toHaveLength(1);
});

/** Puts another text in the place of an entry. */
async function spoil(chain: string, seq: number): Promise<void> {
  const { redis, keys } = engine();
  const line = (await redis.lindex(keys.custody(chain), seq)) ?? '';
  await redis.lset(keys.custody(chain), seq, line.replace(/"at":"\d{4}/, '"at":"1999'));
}

test('a reference that was taken before the run has recorded anything costs no bytes while its record can still come', async () => {
  const { redis, keys } = engine();
  const runner = await worker();
  source.hold(hashOf('p0'));
  const run = await it.open('few', { deadlineSeconds: 600 });
  await engine().until(run, ({ waitingFor }) => waitingFor !== undefined);
  const evidence = referringEvidence(it.evidence, new References(redis, keys), { id: run, isRun: true }, signal);
  const { sha256 } = await evidence.put([Buffer.from('put, and not recorded yet')], signal);
  await takeReferences([sha256]);
  await runner.reconcile();
  ahead = 30 * 60_000;
  await runner.reconcile();
  expect(await lost([sha256])).toEqual([]);
  // By then an attempt that is alive has recorded what it has put.
  ahead = 90 * 60_000;
  await runner.reconcile();
  expect(await lost([sha256])).toEqual([sha256]);
});

test('who takes a hold out of Redis does not have the evidence destroyed by who asks the API for it', async () => {
  const { redis, keys } = engine();
  const runner = await worker();
  const run = await sealed();
  const contents = await contentsOf(run);
  await life.hold(run, 'key:lawyer', 'litigation');
  await redis.hdel(keys.run(run), 'held');
  await expect(life.destroy(run, 'key:admin', 'done')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('held') as string,
  });
  expect(alerts('a hold')).toMatchObject([{ run }]);
  await runner.reconcile();
  expect(await lost(contents)).toEqual([]);
  await life.hold(run, 'key:lawyer', 'litigation, once more');
  await life.release(run, 'key:judge', 'settled');
  await life.destroy(run, 'key:admin', 'done');
  await runner.reconcile();
  expect(await lost(contents)).not.toEqual([]);
});

test('a hold that somebody has written into Redis does not pass for one', async () => {
  const { redis, keys } = engine();
  await worker();
  const run = await sealed();
  await redis.hset(keys.run(run), 'held', JSON.stringify({ by: 'key:lawyer', since: new Date().toISOString(), reason: 'forged' }));
  await expect(life.hold(run, 'key:lawyer', 'litigation')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('hold it anew') as string,
  });
  expect(alerts('a hold')).toMatchObject([{ run }]);
});

test('a run whose chain does not hold is destroyed by nobody', async () => {
  await worker();
  const run = await sealed();
  await spoil(run, 2);
  await expect(life.destroy(run, 'key:admin', 'done')).rejects.toMatchObject({ code: 'custody-broken' });
  expect((await engine().entries(run)).map(({ act }) => act)).not.toContain('evidence.destroyed');
});

test('a service whose register was cut is not ready, and says which part is not', async () => {
  const { redis, keys, folder } = engine();
  await worker();
  await sealed();
  await sealed();
  const place = { redis, keys, trusted: keyRing(folder), alert: () => undefined, file: join(folder, 'register-api.json') };
  const needed = { redis, evidence: { ready: () => Promise.resolve() }, witness: new RegisterWitness(place) };
  expect((await readiness(needed)).every(({ ok }) => ok)).toBe(true);
  await new AttackStand(engine()).cut('register', 2);
  for (const witness of [needed.witness, new RegisterWitness(place)]) {
    const failed = (await readiness({ ...needed, witness })).filter(({ ok }) => !ok);
    expect(failed).toMatchObject([{ name: 'register', found: expect.stringContaining('register of runs is gone or was rewritten') as string }]);
  }
});
