import type { FlowJob } from 'bullmq';
import { expect, test } from 'vitest';
import { catalog } from '../../../playbooks/catalog.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { flowOf } from '../../../store/flow.js';
import { defaultTimings } from '../../../workers/runner/timings.js';

const request = runRequestSchema.parse({ target: { cluster: 'west', namespace: 'shop', pod: 'web-0' }, options: { priority: 'batch' } });
const playbook = {
  name: 'p',
  title: 'p',
  sha256: '',
  steps: [
    { name: 'locate', queue: 'cluster' as const, attempts: 3 },
    { name: 'diff', queue: 'node' as const, attempts: 2 },
    { name: 'report', queue: 'evidence' as const, attempts: 1 },
  ],
};

function chain(job: FlowJob | undefined): FlowJob[] {
  return job === undefined ? [] : [job, ...chain((job.children as FlowJob[] | undefined)?.[0])];
}

test('the last step is the root, each step the parent of the one before, each in the queue of its cluster', () => {
  const jobs = chain(flowOf('r1', { request, playbook }, 2_000));
  expect(jobs.map(({ queueName, opts }) => [queueName, opts?.jobId, opts?.attempts])).toEqual([
    ['evidence', 'r1.report', 1],
    ['node.west', 'r1.diff', 2],
    ['cluster.west', 'r1.locate', 3],
  ]);
});

test('jobs carry run and step alone, have a priority, and never hold their parent when they fail', () => {
  for (const { name, data, opts } of chain(flowOf('r1', { request, playbook }, 2_000))) {
    expect(data).toEqual({ run: 'r1', step: name });
    expect(opts).toMatchObject({ priority: 30, ignoreDependencyOnFailure: true });
  }
});

test('who asks a node or an API server goes on when it was away for half a minute, however the delays fall', () => {
  const asking = catalog.filter(({ queue }) => queue === 'node' || queue === 'cluster');
  const steps = asking.map(({ name, queue, attempts }) => ({ name, queue, attempts }));
  const jobs = chain(flowOf('r1', { request, playbook: { ...playbook, steps } }, defaultTimings.retryDelayMs));
  expect(jobs).toHaveLength(asking.length);
  for (const { opts } of jobs) {
    const { backoff, attempts = 1 } = opts ?? {};
    if (typeof backoff !== 'object') throw new Error('there is no backoff');
    const { delay = 0, jitter = 0 } = backoff;
    const delays = Array.from({ length: attempts - 1 }, (_, retry) => delay * 2 ** retry * (1 - jitter));
    expect(delays.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(30_000);
  }
});
