import { expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import { jobId } from '../../../store/queues.js';
import { stateOf } from './engine.js';
import { fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

test('a worker that shuts down hands its step back without costing an attempt', async () => {
  const first = await engine().runner();
  const run = await engine().open('slow');
  await engine().until(run, (view) => stateOf(view, 'diff') === 'running');
  await first.stop(5_000);
  const job = await engine().queues.get('node.default').getJob(jobId(run, 'diff'));
  expect(job?.attemptsMade).toBe(0);
  expect(await job?.getState()).toBe('prioritized');

  await engine().runner();
  await engine().until(run, (view) => stateOf(view, 'diff') === 'running');
  await expect
    .poll(async () =>
      (await engine().entries(run)).filter(({ act, subject }) => act === 'step.started' && subject === 'diff').map(({ detail }) => detail['attempt']),
    )
    .toEqual([1, 1]);
});

test('a process that gets SIGTERM in the middle of a step ends by itself, and another one finishes the run; no attempt is lost', async () => {
  const first = await engine().child();
  const run = await engine().open('lasting');
  await engine().until(run, (view) => stateOf(view, 'diff') === 'running');
  first.signal('SIGTERM');
  expect(await first.gone).toEqual([0, null]);
  const job = await engine().queues.get('node.default').getJob(jobId(run, 'diff'));
  expect(job?.attemptsMade).toBe(0);
  const other = await engine().child();
  expect((await engine().ended(run)).state).toBe('completed');
  const diff = (await engine().entries(run)).filter(({ subject, act }) => subject === 'diff' && act.startsWith('step.'));
  expect(diff.map(({ act, detail }) => [act, detail['attempt']])).toEqual([
    ['step.started', 1],
    ['step.started', 1],
    ['step.finished', 1],
  ]);
  await other.end('SIGTERM');
});

test('a question about the quota that is not answered does not hold up a worker that shuts down', async () => {
  let asked = 0;
  const quota = (_key: string, signal: AbortSignal): Promise<undefined> => {
    asked += 1;
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }));
  };
  const lookup = (): Promise<never> => Promise.reject(new TriageError('intel-quota', 'no more for now'));
  const intel = { source: 'silent', keys: [{ id: keyId('one'), limits: {} }], quota, lookup };
  const worker = await engine().runner({ ports: { ...fakePorts, intel }, quotaTimes: { blocksMs: [200], tryMs: 500, lookAgainMs: 20 } });
  await engine().desk.ask('some.step', [{ sha256: sha256Hex('x'), rank: 0 }], 'interactive');
  // Once at the start, and once as the first request after the block.
  await expect.poll(() => asked, { timeout: 20_000 }).toBe(2);
  const start = performance.now();
  await worker.stop(20_000);
  expect(performance.now() - start).toBeLessThan(10_000);
});

test('a worker whose step does not heed the signal shuts down all the same', async () => {
  const stubborn = await engine().runner({ timings: { graceMs: 60_000 }, ports: { ...fakePorts, cluster: deaf } });
  const run = await engine().open('brief');
  await engine().until(run, (view) => stateOf(view, 'locate') === 'running');
  await stubborn.stop(300);
  expect((await engine().reader.get(run))?.state).toBe('running');
});

const forever = (): Promise<never> => new Promise<never>(() => undefined);
const deaf = { pod: forever, node: forever, events: forever };
