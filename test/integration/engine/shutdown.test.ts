import { expect, test } from 'vitest';
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

test('a worker whose step does not heed the signal shuts down all the same', async () => {
  const stubborn = await engine().runner({ timings: { graceMs: 60_000 }, ports: { ...fakePorts, cluster: deaf } });
  const run = await engine().open('brief');
  await engine().until(run, (view) => stateOf(view, 'locate') === 'running');
  await stubborn.stop(300);
  expect((await engine().reader.get(run))?.state).toBe('running');
});

const forever = (): Promise<never> => new Promise<never>(() => undefined);
const deaf = { pod: forever, node: forever, events: forever };
