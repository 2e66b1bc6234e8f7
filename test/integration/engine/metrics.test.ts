import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { queueStates } from '../../../store/queue-states.js';
import { countRuns } from '../../../store/run-counts.js';
import { RunLog } from '../../../store/run-log.js';
import { runnerMetrics } from '../../../workers/metrics.js';
import { stateOf } from './engine.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

/** Lines of a page that begin so, without what varies. */
function counters(page: string, name: string): string[] {
  return page.split('\n').filter((line) => line.startsWith(name));
}

test('counts runs by state, whoever has ended them, and however', async () => {
  await engine().open('podless');
  const cancelled = await engine().open('brief');
  await engine().open('brief');
  const counts = async () => Object.fromEntries(await countRuns(engine().redis, engine().keys));
  expect(await counts()).toEqual({ queued: 3, running: 0, cancelling: 0, completed: 0, failed: 0, cancelled: 0, other: 0 });
  await engine().commander.cancel(cancelled, 'test');
  expect(await counts()).toMatchObject({ queued: 2, cancelling: 1 });
  await engine().runner();
  await expect.poll(counts, { timeout: 30_000 }).toEqual({ queued: 0, running: 0, cancelling: 0, completed: 1, failed: 1, cancelled: 1, other: 0 });
});

test('a run can be sealed though its count cannot be kept', async () => {
  await engine().redis.set(engine().keys.ended, 'not a hash');
  await engine().runner();
  expect((await engine().ended(await engine().open('brief'))).state).toBe('completed');
});

test('tells how full queues are, and since when the oldest job waits, whatever its priority', async () => {
  const { redis, keys } = engine();
  await engine().open('brief', 'batch');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await engine().open('brief', 'interactive');
  const [cluster, node, absent] = await queueStates(redis, keys, ['cluster.default', 'node.default', 'absent']);
  expect(cluster).toMatchObject({ name: 'cluster.default', jobs: { waiting: 2, active: 0, parked: 0 } });
  expect(cluster?.oldestSeconds).toBeGreaterThan(1.4);
  expect(cluster?.oldestSeconds).toBeLessThan(60);
  // Their jobs wait for the steps before them, not for a worker.
  expect(node).toEqual({ name: 'node.default', jobs: { waiting: 0, active: 0, parked: 0 }, oldestSeconds: undefined });
  expect(absent?.jobs).toEqual({ waiting: 0, active: 0, parked: 0 });
});

test('workers count steps by outcome, retries by reason, and bytes', async () => {
  const registry = new Registry();
  await engine().runner({ metrics: runnerMetrics(registry) });
  await engine().ended(await engine().open('retried'));
  await engine().ended(await engine().open('steady'));
  await engine().ended(await engine().open('refused'));
  const page = await registry.metrics();
  expect(counters(page, 'podtriage_step_duration_seconds_count{step="flaky"')).toEqual([
    'podtriage_step_duration_seconds_count{step="flaky",status="succeeded"} 1',
    'podtriage_step_duration_seconds_count{step="flaky",status="failed"} 1',
  ]);
  expect(counters(page, 'podtriage_step_retries_total{step="flaky"')).toEqual([
    'podtriage_step_retries_total{step="flaky",code="node-unreachable"} 5',
  ]);
  expect(counters(page, 'podtriage_acquired_bytes_total{what="moved"}').join('')).toMatch(/ [1-9]\d*$/);
  expect(counters(page, 'podtriage_jobs_ended_total{queue="node.default",outcome="completed"}').join('')).toMatch(/ [1-9]\d*$/);
  expect(counters(page, 'podtriage_jobs_ended_total{queue="evidence",outcome="failed"}')).toEqual([
    'podtriage_jobs_ended_total{queue="evidence",outcome="failed"} 5',
  ]);
});

test('a result that comes late is counted as one that was refused', async () => {
  const registry = new Registry();
  const { redis, keys, workerCustody } = engine();
  await engine().runner({ metrics: runnerMetrics(registry) });
  const run = await engine().open('lasting');
  await engine().until(run, (view) => stateOf(view, 'diff') === 'running');
  // Another worker takes the step over.
  await new RunLog(redis, keys, workerCustody).begin(run, 'diff', 2);
  const late = async (): Promise<string[]> => counters(await registry.metrics(), 'podtriage_late_writes_refused_total');
  await expect.poll(late, { timeout: 30_000 }).toEqual(['podtriage_late_writes_refused_total{step="diff"} 1']);
});
