import type { Processor } from 'bullmq';
import { addFlow } from '../../store/flow.js';
import { jobId, queueName } from '../../store/queues.js';
import { lookAfterAmendments } from './amend-watch.js';
import { closeLost } from './close-run.js';
import type { RunnerDeps } from './deps.js';

/** The queue whose one repeated job closes the seams. */
export const reconcileQueue = 'reconcile';

/** What one pass has done. */
export interface Reconciled {
  readonly added: readonly string[];
  readonly closed: readonly string[];
}

/**
 * One pass over all open runs: adds the flow of those whose closing job is not there (the process died between record and
 * queue), and closes those whose closing job has been given up; then looks after sealed runs whose answers are still to come.
 * May run anywhere, at any time, more than once at a time.
 */
export async function reconcile(deps: RunnerDeps): Promise<Reconciled> {
  const added: string[] = [];
  const closed: string[] = [];
  for (const run of await deps.log.openRuns()) {
    const what = await reconcileRun(deps, run).catch((err: unknown) => {
      deps.logger.error({ err, run }, 'a run could not be reconciled');
    });
    if (what === 'added') added.push(run);
    if (what === 'closed') closed.push(run);
  }
  await lookAfterAmendments(deps);
  if (added.length + closed.length > 0) deps.logger.info({ added: added.length, closed: closed.length }, 'runs reconciled');
  return { added, closed };
}

async function reconcileRun(deps: RunnerDeps, run: string): Promise<'added' | 'closed' | undefined> {
  const record = await deps.reader.record(run);
  const root = record?.playbook.steps.at(-1);
  if (record === undefined || root === undefined) return undefined;
  const queue = deps.queues.get(queueName(root.queue, record.request.target.cluster));
  const state = await queue.getJobState(jobId(run, root.name));
  if (state === 'unknown') {
    await addFlow(deps.queues, run, record, deps.timings.retryDelayMs);
    return 'added';
  }
  if (state !== 'failed') return undefined;
  await closeLost(deps, run, root.name);
  return 'closed';
}

/** Makes the function that BullMQ calls with the repeated job. */
export function reconcileProcessor(deps: RunnerDeps): Processor {
  return () => reconcile(deps);
}
