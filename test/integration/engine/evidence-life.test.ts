import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type CustodyEntry, registerChain, sha256Hex } from '../../../playbooks/domain/custody.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { RedisEvidenceLife } from '../../../store/evidence-life.js';
import { keyRing } from '../../../store/public-keys.js';
import { References } from '../../../store/references.js';
import type { RunView } from '../../../store/run-view.js';
import { SignedRuns } from '../../../store/signed-run.js';
import type { Runner } from '../../../workers/runner/create-runner.js';
import { referringEvidence } from '../../../workers/runner/referring-evidence.js';
import { LateEngine } from './late-engine.js';
import { hashOf } from './late-playbook.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const dayMs = 86_400_000;
const { signal } = new AbortController();

interface Stand {
  readonly it: LateEngine;
  readonly source: LateSource;
  readonly runner: Runner;
  readonly life: RedisEvidenceLife;
  /** Sets the workers' clock forward. */
  forward(ms: number): void;
}

async function stand(): Promise<Stand> {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  let ahead = 0;
  const clock = (): Date => new Date(Date.now() + ahead);
  const runner = await it.runner({ keeper: it.evidence }, { clock });
  const { redis, keys, custody, reader } = engine();
  const signed = new SignedRuns(redis, keys, keyRing(engine().folder));
  const life = new RedisEvidenceLife({ redis, keys, custody, reader, signed, evidence: it.evidence, alert: () => undefined, clock });
  return { it, source, runner, life, forward: (ms) => (ahead += ms) };
}

/** Runs one to its end. */
async function sealed({ it }: Stand, options: object = {}, playbook = 'few'): Promise<RunView> {
  const request = { target: { namespace: 'shop', pod: 'web-0' }, playbook, options };
  return engine().ended(await it.commander.open(runRequestSchema.parse(request), 'test'));
}

async function acts(run: string, act: CustodyEntry['act']): Promise<CustodyEntry[]> {
  return (await engine().entries(run)).filter((entry) => entry.act === act);
}

async function kept({ it }: Stand): Promise<string[]> {
  const names: string[] = [];
  for await (const name of it.evidence.all(signal)) names.push(name);
  return names;
}

async function view(run: string): Promise<RunView> {
  return (await engine().reader.get(run))!;
}

test('destroyed evidence is gone, and its chain, its steps and the skeleton of its report stay', async () => {
  const here = await stand();
  const { id, steps } = await sealed(here);
  const recorded = await engine().reader.artifacts(id);
  await here.life.destroy(id, 'key:admin', 'the case is closed');
  const contents = new Map(recorded.map(({ sha256, size }) => [sha256, size]));
  const bytes = [...contents.values()].reduce((sum, size) => sum + size, 0);
  expect(await acts(id, 'evidence.destroyed')).toMatchObject([
    { actor: 'key:admin', detail: { reason: 'the case is closed', artifacts: contents.size, bytes } },
  ]);
  const entries = await engine().entries(id);
  expect((await acts(registerChain, 'evidence.destroyed')).filter(({ detail }) => detail['run'] === id)).toMatchObject([
    { actor: 'key:admin', detail: { seq: entries.length - 1, head: entries.at(-1)?.hash, reason: 'the case is closed' } },
  ]);

  await here.runner.reconcile();
  expect(await engine().reader.artifacts(id)).toEqual([]);
  expect(await engine().redis.exists(engine().keys.refers(id))).toBe(0);
  expect(await engine().redis.zscore(engine().keys.releasing, id)).toBeNull();
  // What the desk holds for all runs is not this run's alone.
  const answers = recorded.filter(({ kind }) => kind === 'lookup-answer').map(({ sha256 }) => sha256);
  expect((await kept(here)).sort()).toEqual([...new Set(answers)].sort());

  const left = await view(id);
  expect(left.steps).toEqual(steps);
  expect(left.retainedUntil).toBeUndefined();
  expect(left.evidenceDestroyed).toMatchObject({
    by: 'key:admin',
    reason: 'the case is closed',
    report: {
      version: 1,
      verdict: left.verdict,
      completeness: left.completeness,
      findingCount: 0,
      findings: [],
      counts: { lookups: { undetected: 3 } },
    },
  });
  await here.it.verified(id);
});

test('answers that all runs share go when the desk lets go of them, and no run refers to them', async () => {
  const here = await stand();
  const { id } = await sealed(here);
  await here.life.destroy(id, 'key:admin', 'done');
  await here.runner.reconcile();
  expect(await kept(here)).toHaveLength(3);
  here.forward(93 * dayMs);
  await here.runner.reconcile();
  expect(await kept(here)).toEqual([]);
});

test('what another run has in common with it stays, also when that one only knew it', async () => {
  const here = await stand();
  const [first, second] = [await sealed(here), await sealed(here)];
  const known = (await engine().reader.artifacts(second.id)).filter((artifact) => artifact.known && artifact.kind === 'listing');
  expect(known.length).toBeGreaterThan(0);
  await here.life.destroy(first.id, 'key:admin', 'done');
  await here.runner.reconcile();
  for (const { sha256 } of known) expect(await here.it.evidence.check(sha256, signal)).toBe(true);
  await here.life.destroy(second.id, 'key:admin', 'done');
  await here.runner.reconcile();
  for (const { sha256 } of known) expect(await here.it.evidence.has(sha256)).toBe(false);
});

test('a run that begins to rely on content while it is destroyed for another keeps it', async () => {
  const here = await stand();
  const { id } = await sealed(here);
  const { sha256 } = (await engine().reader.artifacts(id)).find(({ kind }) => kind === 'report')!;
  const other = (await sealed(here)).id;
  const evidence = referringEvidence(here.it.evidence, new References(engine().redis, engine().keys), { id: other, isRun: true }, signal);
  await here.life.destroy(id, 'key:admin', 'done');
  expect(await evidence.has(sha256)).toBe(true);
  await here.runner.reconcile();
  expect(await here.it.evidence.check(sha256, signal)).toBe(true);
});

test('of two who destroy at once one does it, and the other is told who was first', async () => {
  const here = await stand();
  const { id } = await sealed(here);
  const both = await Promise.allSettled(['key:a', 'key:b'].map((by) => here.life.destroy(id, by, `for ${by}`)));
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const { evidenceDestroyed } = await view(id);
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'conflict', message: expect.stringContaining(evidenceDestroyed!.by) as string },
  });
  expect(await acts(id, 'evidence.destroyed')).toHaveLength(1);
});

test('who reads while it is destroyed reads to the end', async () => {
  const here = await stand();
  const { id } = await sealed(here);
  const report = (await engine().reader.artifacts(id)).find(({ kind }) => kind === 'report')!;
  const open = await here.it.evidence.open(report.sha256);
  await here.life.destroy(id, 'key:admin', 'done');
  await here.runner.reconcile();
  let bytes = 0;
  for await (const chunk of open as AsyncIterable<Buffer>) bytes += chunk.length;
  expect(bytes).toBe(report.size);
  await expect(here.it.evidence.open(report.sha256)).rejects.toMatchObject({ code: 'not-found' });
});

test('the evidence of a run that has not ended, or that there is not, cannot be destroyed', async () => {
  const here = await stand();
  here.source.hold(hashOf('p0'));
  const run = await here.it.open('few', { deadlineSeconds: 600 });
  await engine().until(run, ({ waitingFor }) => waitingFor !== undefined);
  await expect(here.life.destroy(run, 'key:admin', 'done')).rejects.toMatchObject({ code: 'conflict' });
  await expect(here.life.destroy('r0000', 'key:admin', 'done')).rejects.toMatchObject({ code: 'not-found' });
  await expect(here.life.hold('r0000', 'key:admin', 'done')).rejects.toMatchObject({ code: 'not-found' });
  expect(await acts(run, 'evidence.destroyed')).toEqual([]);
});

test('held evidence is destroyed by nobody: not on request, not by time', async () => {
  const here = await stand();
  const { id, retainedUntil } = await sealed(here, { retentionDays: 1 });
  await here.life.hold(id, 'key:lawyer', 'litigation');
  await expect(here.life.hold(id, 'key:other', 'also')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('key:lawyer') as string,
  });
  await expect(here.life.destroy(id, 'key:admin', 'done')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/held by key:lawyer since .*litigation/) as string,
  });
  here.forward(400 * dayMs);
  await here.runner.reconcile();
  expect(await view(id)).toMatchObject({ held: { by: 'key:lawyer', reason: 'litigation' }, retainedUntil });
  expect((await view(id)).evidenceDestroyed).toBeUndefined();

  await here.life.release(id, 'key:judge', 'settled');
  await expect(here.life.release(id, 'key:judge', 'settled')).rejects.toMatchObject({ code: 'conflict' });
  await here.runner.reconcile();
  expect((await view(id)).evidenceDestroyed).toMatchObject({ by: 'worker:test', reason: 'retention' });
  await expect(here.life.hold(id, 'key:lawyer', 'too late')).rejects.toMatchObject({ code: 'conflict' });
  const told = (await engine().entries(id)).filter(({ act }) => act.startsWith('evidence.')).map(({ act, actor }) => [act, actor]);
  expect(told).toEqual([
    ['evidence.held', 'key:lawyer'],
    ['evidence.released', 'key:judge'],
    ['evidence.destroyed', 'worker:test'],
  ]);
});

test('a run that is held before it ends begins its time when it is released', async () => {
  const here = await stand();
  here.source.hold(hashOf('p0'));
  const run = await here.it.open('few', { deadlineSeconds: 600 });
  await engine().until(run, ({ waitingFor }) => waitingFor !== undefined);
  await here.life.hold(run, 'key:lawyer', 'litigation');
  here.source.release(hashOf('p0'));
  await engine().ended(run);
  expect(await engine().redis.zscore(engine().keys.retained, run)).toBeNull();
  await here.life.release(run, 'key:lawyer', 'settled');
  expect(await engine().redis.zscore(engine().keys.retained, run)).not.toBeNull();
});

test('evidence is kept for as long as the run says, and 90 days where it does not', async () => {
  const here = await stand();
  const [short, usual] = [await sealed(here, { retentionDays: 2 }), await sealed(here)];
  here.forward(3 * dayMs);
  await here.runner.reconcile();
  expect((await view(short.id)).evidenceDestroyed).toMatchObject({ reason: 'retention' });
  expect((await view(usual.id)).evidenceDestroyed).toBeUndefined();
  here.forward(88 * dayMs);
  await here.runner.reconcile();
  expect((await view(usual.id)).evidenceDestroyed).toMatchObject({ reason: 'retention' });
});

test('who shortens a time in Redis does not make a worker destroy evidence', async () => {
  const here = await stand();
  const { id, createdAt } = await sealed(here, { retentionDays: 10 });
  await engine().redis.zadd(engine().keys.retained, 1, id);
  await engine().redis.hset(engine().keys.run(id), 'retainedUntil', 1);
  await here.runner.reconcile();
  const now = await view(id);
  expect(now.evidenceDestroyed).toBeUndefined();
  expect(Date.parse(now.retainedUntil!)).toBe(Date.parse(createdAt) + 10 * dayMs);
});

test('who takes a hold out of Redis does not make a worker destroy evidence', async () => {
  const here = await stand();
  const { id } = await sealed(here, { retentionDays: 1 });
  await here.life.hold(id, 'key:lawyer', 'litigation');
  await engine().redis.hdel(engine().keys.run(id), 'held');
  await engine().redis.zadd(engine().keys.retained, 1, id);
  here.forward(400 * dayMs);
  await here.runner.reconcile();
  expect((await view(id)).evidenceDestroyed).toBeUndefined();
  expect(await kept(here)).not.toEqual([]);
});

test('a run whose evidence was destroyed is not amended any more, and nothing is recorded for it', async () => {
  const here = await stand();
  here.source.hold(hashOf('p1'), hashOf('p2'));
  const run = await here.it.open('few', { deadlineSeconds: 1 });
  expect(await engine().ended(run)).toMatchObject({ pendingLookups: 2 });
  const evidence = referringEvidence(here.it.evidence, new References(engine().redis, engine().keys), { id: run, isRun: true }, signal);
  expect(await evidence.has(sha256Hex('late'))).toBe(false);
  await here.life.destroy(run, 'key:admin', 'done');
  here.source.release(hashOf('p1'), hashOf('p2'));
  await here.runner.reconcile();
  await sleep(1_500);
  await here.runner.reconcile();
  expect(await view(run)).toMatchObject({ reportVersion: 1, amendments: [] });
  expect((await view(run)).pendingLookups).toBeUndefined();
  // One who still works for it, and has not heard of it, leaves no bytes behind.
  await expect(evidence.put([Buffer.from('late')], signal)).rejects.toMatchObject({ code: 'stale-attempt' });
  expect(await kept(here)).toContain(sha256Hex('late'));
  await here.runner.reconcile();
  expect(await kept(here)).not.toContain(sha256Hex('late'));
  expect(await engine().redis.exists(engine().keys.refs(sha256Hex('late')))).toBe(0);
});
