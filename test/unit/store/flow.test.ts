import type { FlowJob } from 'bullmq';
import { expect, test } from 'vitest';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { flowOf } from '../../../store/flow.js';

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
