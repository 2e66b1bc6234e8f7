import { Worker } from 'bullmq';
import { expect, test } from 'vitest';
import { jobId } from '../../../store/queues.js';
import { stateOf } from './engine.js';
import { syntheticPlaybook, syntheticPlaybooks } from './synthetic.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

test('a run through all steps ends completed, full, with milestones and a record of every command', async () => {
  await engine().runner();
  const run = await engine().open('storm');
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'no-findings' });
  expect(Object.keys(view.milestones).sort()).toEqual(['acquisitionFinished', 'reportWritten', 'verdictReady']);
  const acts = (await engine().entries(run)).map(({ act, subject, detail }) => [act, subject ?? detail['method']]);
  expect(acts[0]).toEqual(['run.requested', undefined]);
  expect(acts).toContainEqual(['cluster.request', 'get-pod']);
  expect(acts.filter(([act]) => act === 'command.started')).toHaveLength(acts.filter(([act]) => act === 'command.finished').length);
  expect((await engine().reader.artifacts(run)).length).toBe(5);
  expect((await engine().reader.lookups(run)).map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'not-asked'));
});

test('a step without its needs is skipped, and the run fails without usable evidence', async () => {
  await engine().runner();
  const view = await engine().ended(await engine().open('podless'));
  expect(view.steps.map(({ state, reason }) => [state, reason])).toEqual([
    ['failed', undefined],
    ['skipped', 'needs-missing'],
    ['succeeded', undefined],
  ]);
  expect(view).toMatchObject({ state: 'failed', completeness: 'partial', error: { code: 'pod-not-found' } });
});

test('a node that is away is tried again until it is back', async () => {
  await engine().runner();
  const view = await engine().ended(await engine().open('retried'));
  expect(view).toMatchObject({ state: 'completed', completeness: 'full' });
  expect(view.steps[1]).toMatchObject({ state: 'succeeded', attempt: 6 });
});

test('one that stays away is recorded after the last attempt', async () => {
  await engine().runner();
  const view = await engine().ended(await engine().open('hopeless'));
  expect(view.steps[0]).toMatchObject({ state: 'failed', attempt: 6, error: { code: 'node-unreachable' } });
  expect(view.waitingFor).toBeUndefined();
});

test('what a node answers wrong is tried less often, and the run says that another one may have more', async () => {
  await engine().runner();
  const view = await engine().ended(await engine().open('raced'));
  expect(view.steps[1]).toMatchObject({ state: 'failed', attempt: 4, error: { code: 'path-race' } });
  expect(view).toMatchObject({ state: 'completed', completeness: 'partial', cutShort: { code: 'path-race', message: 'attempt 4 fails' } });
});

test('a failure that no retry can mend is recorded at once, and the run goes on', async () => {
  await engine().runner();
  const view = await engine().ended(await engine().open('refused'));
  expect(view.steps[1]).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'permission-denied' } });
  expect(stateOf(view, 'diff')).toBe('succeeded');
  expect(view).toMatchObject({ state: 'completed', completeness: 'partial' });
  expect(view.cutShort).toBeUndefined();
});

test('a step that kills each worker is given up, and the run is sealed without it', { timeout: 120_000 }, async () => {
  const run = await engine().open('poisoned');
  const over = new AbortController();
  const stopped = new Promise((resolve) => over.signal.addEventListener('abort', resolve));
  const respawning = Promise.all(
    [1, 2].map(async () => {
      while (!over.signal.aborted) {
        const child = await engine().child();
        await Promise.race([child.gone, stopped]);
      }
    }),
  );
  const view = await engine().ended(run, 100_000);
  over.abort();
  await respawning;
  expect(view.steps.map(({ name, state, error }) => [name, state, error?.code])).toEqual([
    ['locate', 'succeeded', undefined],
    ['poison', 'failed', 'worker-lost'],
    ['diff', 'succeeded', undefined],
    ['report', 'succeeded', undefined],
  ]);
});

test('a run whose playbook has changed fails with a message that says so', async () => {
  const changed = new Map(syntheticPlaybooks).set('brief', syntheticPlaybook('brief', { locate: {}, diff: { ms: 1 }, report: {} }));
  await engine().runner({ playbooks: changed });
  const view = await engine().ended(await engine().open('brief'));
  expect(view.state).toBe('failed');
  expect(view.steps[0]?.error?.code).toBe('playbook-invalid');
  expect(view.steps[0]?.error?.message).toMatch(/make a new run/);
});

test('a record that somebody has changed in Redis is not acted upon', async () => {
  const first = await engine().runner();
  const run = await engine().open('slow');
  await engine().until(run, (view) => stateOf(view, 'diff') === 'running');
  await first.stop(3_000);
  const record = (await engine().redis.hget(engine().keys.steps(run), 'locate'))!;
  await engine().redis.hset(engine().keys.steps(run), 'locate', record.replace('10.0.0.1', '10.6.6.6'));
  await engine().runner();
  const view = await engine().ended(run);
  expect(view.steps.find(({ name }) => name === 'diff')?.error?.code).toBe('custody-broken');
  expect((await engine().entries(run)).filter(({ act, subject }) => act === 'command.started' && subject !== 'node-a')).toEqual([]);
});

test('the reconciler queues a run that was only recorded', async () => {
  const runner = await engine().runner();
  const { request } = (await engine().reader.get(await engine().open('brief')))!;
  const { run } = await engine().commander.record(request, 'test');
  expect((await runner.reconcile()).added).toContain(run);
  expect((await engine().ended(run)).state).toBe('completed');
  expect(await runner.reconcile()).toEqual({ added: [], closed: [] });
});

test('the reconciler closes a run whose closing job was given up', async () => {
  const { request } = (await engine().reader.get(await engine().open('brief')))!;
  const { run } = await engine().commander.record(request, 'test');
  const giveUp = new Worker('evidence', () => Promise.reject(new Error('given up')), {
    connection: engine().server.endpoint,
    prefix: engine().prefix,
  });
  const failed = new Promise((resolve) => giveUp.once('failed', resolve));
  await engine()
    .queues.get('evidence')
    .add('report', { run, step: 'report' }, { jobId: jobId(run, 'report'), attempts: 1 });
  await failed;
  await giveUp.close();
  const runner = await engine().runner();
  await runner.reconcile();
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'failed', completeness: 'partial', error: { code: 'worker-lost' } });
  expect(view.steps.map(({ error }) => error?.code)).toEqual(['worker-lost', 'worker-lost', 'worker-lost']);
});
