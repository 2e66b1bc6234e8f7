import { expect, test } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { Amendments } from '../../../store/amendments.js';
import { RunLog } from '../../../store/run-log.js';
import type { RunView } from '../../../store/run-view.js';
import { LateEngine, tally } from './late-engine.js';
import { hashOf } from './late-playbook.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
/** Of the playbook `few`, in the order in which they are asked. */
const [first, second, third] = [0, 1, 2].map((at) => hashOf(`p${at}`)).sort() as [string, string, string];

/** An engine, and a run that was judged without the answers about two of its three hashes. */
async function judgedEarly(): Promise<{ it: LateEngine; source: LateSource; run: string; view: RunView }> {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  source.hold(second, third);
  await it.runner();
  const run = await it.open('few', { deadlineSeconds: 1 });
  return { it, source, run, view: await engine().ended(run) };
}

function version(run: string, wanted: number): Promise<RunView> {
  return engine().until(run, ({ reportVersion }) => reportVersion === wanted, 20_000);
}

test('at its deadline a run is judged with what is pending, which is one gap', async () => {
  const { it, run, view } = await judgedEarly();
  expect(view).toMatchObject({
    state: 'completed',
    completeness: 'partial',
    verdict: 'inconclusive',
    reportVersion: 1,
    pendingLookups: 2,
    amendments: [],
  });
  expect(view.waitingFor).toBeUndefined();
  expect(view.steps.find(({ name }) => name === 'lookup-hashes')?.gaps).toMatchObject([{ subject: '2 lookups', reason: 'pending' }]);
  expect(tally(await it.listed(run))).toEqual({ undetected: 1, pending: 2 });
  expect(await engine().reader.lookups(run)).toHaveLength(1);
});

test('a run that waits for nothing asks all the same, and is amended when its answers come', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  await it.runner();
  const run = await it.open('few', { deadlineSeconds: 0 });
  await engine().ended(run);
  const view = await engine().until(run, ({ pendingLookups, reportVersion }) => reportVersion !== undefined && pendingLookups === undefined, 20_000);
  expect(source.asked.sort()).toEqual([first, second, third]);
  expect(view.amendments.at(-1)?.pending ?? 0).toBe(0);
});

test('two late answers make one new version; the record of the run stays as it was', async () => {
  const { it, source, run, view } = await judgedEarly();
  const before = await engine().reader.records(run);
  source.release(second, third);
  const amended = await version(run, 2);
  expect(amended).toMatchObject({ completeness: 'full', verdict: 'no-findings', state: 'completed', finishedAt: view.finishedAt });
  expect(amended.pendingLookups).toBeUndefined();
  const [amendment] = amended.amendments;
  expect(amendment).toMatchObject({
    version: 2,
    answered: 2,
    pending: 0,
    verdict: 'no-findings',
    verdictBefore: 'inconclusive',
    completeness: 'full',
  });
  expect(await engine().reader.records(run)).toEqual(before);
  const report = await it.report(amendment!.report.json);
  expect(report).toMatchObject({ version: 2, completeness: 'full', gaps: [], verdict: { level: 'no-findings' } });
  expect(tally(report.lookups)).toEqual({ undetected: 3 });
  expect(tally(await engine().reader.lookups(run))).toEqual({ undetected: 3 });
  const acts = (await engine().entries(run)).map(({ act, subject }) => [act, subject]);
  expect(acts.slice(-4)).toEqual([
    ['lookup.answered', second],
    ['lookup.answered', third],
    ['report.written', run],
    ['run.amended', run],
  ]);
  await it.verified(run);
  expect(await engine().redis.zcard(engine().keys.amending)).toBe(0);
  expect(await engine().redis.exists(engine().keys.watchers(second), engine().keys.pending(run))).toBe(0);
});

test('bad news does not wait for the other answers', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  source.hold(second, third);
  source.says(third, 'detected');
  await it.runner({}, { timings: { amendDebounceMs: 600_000 } });
  const run = await it.open('few', { deadlineSeconds: 1 });
  await engine().ended(run);
  source.release(second);
  await expect.poll(() => engine().queues.get('amendments').getDelayedCount()).toBe(1);
  source.release(third);
  const view = await version(run, 2);
  expect(view).toMatchObject({ verdict: 'malicious', completeness: 'full', amendments: [{ answered: 2, verdictBefore: 'inconclusive' }] });
  await it.verified(run);
});

test('an answer that comes while a version is made makes the next one', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  source.hold(second, third);
  let gate: Promise<void> = Promise.resolve();
  let reached = (): void => undefined;
  const evidence = {
    ...it.evidence,
    async stage(...args: Parameters<typeof it.evidence.stage>) {
      reached();
      await gate;
      return it.evidence.stage(...args);
    },
  };
  await it.runner({ evidence });
  const run = await it.open('few', { deadlineSeconds: 1 });
  await engine().ended(run);
  let go = (): void => undefined;
  gate = new Promise((resolve) => {
    go = resolve;
  });
  const writing = new Promise<void>((resolve) => {
    reached = resolve;
  });
  await engine().desk.keep(answered(second, 'undetected'));
  await watchers().answered(answered(second, 'undetected'));
  await writing;
  await engine().desk.keep(answered(third, 'undetected'));
  await watchers().answered(answered(third, 'undetected'));
  go();
  const view = await version(run, 3);
  expect(view.amendments.map(({ version: made, answered: count, pending }) => [made, count, pending])).toEqual([
    [2, 1, 1],
    [3, 1, 0],
  ]);
  await it.verified(run);
});

test('a lookup that fails is an answer: the gap names it, and the run is done with', async () => {
  const { it, source, run } = await judgedEarly();
  source.says(second, new TriageError('intel-invalid-answer', 'nonsense'));
  source.release(second, third);
  const view = await engine().until(run, ({ pendingLookups }) => pendingLookups === undefined, 30_000);
  const last = view.amendments.at(-1)!;
  expect(last).toMatchObject({ pending: 0, completeness: 'partial', verdict: 'inconclusive' });
  expect((await it.report(last.report.json)).gaps).toMatchObject([{ subject: '1 lookup', reason: 'intel-invalid-answer', step: 'lookup-hashes' }]);
  await it.verified(run);
});

test('the reconciler finds answers whose news was lost, and asks again for what fell out of the queue', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  source.hold(second, third);
  const before = await it.runner();
  const run = await it.open('few', { deadlineSeconds: 1 });
  await engine().ended(run);
  await before.stop(3_000);
  // One answer without a word to anybody; the other lookup, and who watches it, are forgotten.
  const kept = engine().texts.sign({ purpose: 'answer', about: second }, answered(second, 'suspicious'), 60);
  await engine().redis.set(engine().keys.answer(second), kept);
  await engine().queues.get('lookups').obliterate({ force: true });
  await engine().redis.del(engine().keys.watchers(second), engine().keys.watchers(third), engine().keys.pending(run));
  source.release(second, third);
  const runner = await it.runner({}, { timings: { amendCheckMs: 100 } });
  await runner.reconcile();
  const view = await engine().until(run, ({ pendingLookups }) => pendingLookups === undefined, 20_000);
  expect(view).toMatchObject({ verdict: 'suspicious', completeness: 'full' });
  expect(source.asked.filter((sha256) => sha256 === third).length).toBe(2);
  await it.verified(run);
});

test('more late answers than one act can hold make more versions, and none is lost', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  const all = Array.from({ length: 120 }, (_, at) => hashOf(`p${at}`));
  source.hold(...all);
  await it.runner({}, { timings: { amendDebounceMs: 4_000 } });
  const run = await it.open('many', { budget: 200, deadlineSeconds: 0 });
  await engine().ended(run);
  source.release(...all);
  const view = await engine().until(run, ({ pendingLookups, reportVersion }) => reportVersion !== undefined && pendingLookups === undefined, 60_000);
  expect(view.amendments.length).toBeGreaterThan(1);
  expect(view.amendments.every(({ answered: count }) => count <= 98)).toBe(true);
  expect(view.amendments.reduce((sum, { answered: count }) => sum + count, 0)).toBe(120);
  expect(tally(await engine().reader.lookups(run))).toEqual({ undetected: 120 });
  await it.verified(run);
});

test('a version is recorded once, whoever else tries', async () => {
  const { it, source, run } = await judgedEarly();
  source.release(second, third);
  const view = await version(run, 2);
  const log = new RunLog(engine().redis, engine().keys, engine().custody);
  const entries = (await engine().entries(run)).length;
  expect(await log.amend(run, { amendment: view.amendments[0]!, lookups: [answered(second, 'detected')] })).toBe('already');
  expect(await engine().entries(run)).toHaveLength(entries);
  await it.verified(run);
});

test('an amendment that somebody has changed in Redis is not built upon', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  source.hold(second, third);
  const runner = await it.runner({}, { timings: { amendCheckMs: 100 } });
  const run = await it.open('few', { deadlineSeconds: 1 });
  await engine().ended(run);
  source.release(second);
  const { amendments } = await version(run, 2);
  const forged = { ...amendments[0]!, lookups: amendments[0]!.report.json };
  await engine().redis.hset(engine().keys.amendments(run), '2', JSON.stringify(forged));
  source.release(third);
  await expect.poll(async () => (await engine().desk.answers([third])).size).toBe(1);
  await runner.reconcile();
  const tried = async (): Promise<number> => (await engine().queues.get('amendments').getJob(`${run}.amend.3`))?.attemptsMade ?? 0;
  await expect.poll(tried, { timeout: 20_000 }).toBeGreaterThan(0);
  expect((await engine().reader.get(run))?.reportVersion).toBe(2);
});

test('a cancelled run is not amended', async () => {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  source.hold(first, second, third);
  await it.runner();
  const run = await it.open('few', { deadlineSeconds: 60 });
  await engine().until(run, ({ waitingFor }) => waitingFor?.for === 'quota');
  await it.commander.cancel(run, 'alice');
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'cancelled', amendments: [] });
  source.release(first, second, third);
  expect(await engine().redis.zcard(engine().keys.amending)).toBe(0);
  const amendment = {
    version: 2,
    at: new Date().toISOString(),
    answered: 1,
    pending: 0,
    verdict: 'malicious',
    verdictBefore: 'inconclusive',
    completeness: 'full',
    lookups: first,
    report: { json: first, markdown: first, html: first, timeline: first },
  } as const;
  expect(await new RunLog(engine().redis, engine().keys, engine().custody).amend(run, { amendment, lookups: [] })).toBe('refused');
});

test('who waits for a run hears of its amendment', async () => {
  const { source, run } = await judgedEarly();
  const heard = engine().reader.changed(run, 60_000, AbortSignal.timeout(60_000));
  source.release(second, third);
  await heard;
  await version(run, 2);
});

function answered(sha256: string, status: Lookup['status']): Lookup {
  return { sha256, source: 'test', status, askedAt: new Date().toISOString(), cached: false };
}

function watchers(): Amendments {
  return new Amendments(engine().redis, engine().keys, engine().queues, 50);
}
