import type { FlowJob } from 'bullmq';
import { asTriageError } from '../playbooks/domain/error.js';
import { jobId, type Queues, queueName, type StepJob } from './queues.js';
import { priorityOf, type RunRecord } from './run-record.js';

const dayInSeconds = 86_400;
const defaultRetryDelayMs = 2_000;

/**
 * The whole of a run as one BullMQ flow: each step is the parent of the one before, so BullMQ itself moves on, in the
 * script that completes a step. A failed job never holds its parent: what failed is in the run's records.
 */
export function flowOf(run: string, record: Pick<RunRecord, 'request' | 'playbook'>, retryDelayMs: number): FlowJob {
  let flow: FlowJob | undefined;
  for (const { name, queue, attempts } of record.playbook.steps) {
    const data: StepJob = { run, step: name };
    const opts = {
      jobId: jobId(run, name),
      priority: priorityOf(record),
      attempts,
      backoff: { type: 'exponential', delay: retryDelayMs, jitter: 0.5 },
      ignoreDependencyOnFailure: true,
      removeOnComplete: { age: dayInSeconds },
      removeOnFail: { age: dayInSeconds },
    };
    const job = { name, queueName: queueName(queue, record.request.target.cluster), data, opts };
    flow = flow === undefined ? job : { ...job, children: [flow] };
  }
  if (flow === undefined) throw new Error('a playbook has at least one step');
  return flow;
}

/** Adds the flow of a run in one call. Adding it again is harmless at any time: ids are the steps' own. Throws `redis-unavailable`. */
export async function addFlow(
  queues: Queues,
  run: string,
  record: Pick<RunRecord, 'request' | 'playbook'>,
  retryDelayMs = defaultRetryDelayMs,
): Promise<void> {
  try {
    await queues.flows().add(flowOf(run, record, retryDelayMs));
  } catch (cause) {
    throw asTriageError(cause, 'redis-unavailable', `run ${run} is recorded but could not be queued; the reconciler will do it`);
  }
}
