import type { Processor } from 'bullmq';
import { TriageError } from '../../playbooks/domain/error.js';
import { addFlow } from '../../store/flow.js';
import { jobId, queueName } from '../../store/queues.js';
import { pinnedPlaybook, type RunRecord } from '../../store/run-record.js';
import { lookAfterAmendments } from './amend-watch.js';
import { closeForged, closeLost } from './close-run.js';
import { collectEvidence } from './collect.js';
import { lookAfterDeliveries } from './deliver-watch.js';
import type { RunnerDeps } from './deps.js';
import { destroyOverdue } from './retention.js';

/** The queue whose one repeated job closes the seams. */
export const reconcileQueue = 'reconcile';

/** What one pass has done. */
export interface Reconciled {
  readonly added: readonly string[];
  readonly closed: readonly string[];
}

/**
 * One pass over all open runs: adds the flow of those whose closing job is not there (the process died between record and
 * queue), and closes those whose closing job has been given up; then looks after sealed runs whose answers are still to come, has endpoints told
 * what they were not told yet, destroys evidence whose time is over, and removes bytes that nobody refers to any more.
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
  await lookAfterDeliveries(deps);
  await destroyOverdue(deps);
  await collectEvidence(deps);
  if (added.length + closed.length > 0) deps.logger.info({ added: added.length, closed: closed.length }, 'runs reconciled');
  return { added, closed };
}

async function reconcileRun(deps: RunnerDeps, run: string): Promise<'added' | 'closed' | undefined> {
  const record = await deps.reader.record(run);
  const closing = record?.playbook.steps.at(-1);
  if (record === undefined || closing === undefined) return undefined;
  try {
    return await withFlow(deps, await signedFlow(deps, run, record));
  } catch (error) {
    if (!(error instanceof TriageError && error.code === 'custody-broken')) throw error;
    // It may have ended a moment ago.
    if (!(await deps.log.isOpen(run))) return undefined;
    deps.alert(error, { run, what: 'a run' });
    await closeForged(deps, run, closing.name, error);
    return 'closed';
  }
}

type Flow = Pick<RunRecord, 'request' | 'playbook'> & { readonly run: string };

async function withFlow(deps: RunnerDeps, { run, request, playbook }: Flow): Promise<'added' | 'closed' | undefined> {
  const root = playbook.steps.at(-1);
  if (root === undefined) return undefined;
  const queue = deps.queues.get(queueName(root.queue, request.target.cluster));
  const state = await queue.getJobState(jobId(run, root.name));
  if (state === 'unknown') {
    await addFlow(deps.queues, run, { request, playbook }, deps.timings.retryDelayMs);
    return 'added';
  }
  if (state !== 'failed') return undefined;
  await closeLost(deps, run, root.name);
  return 'closed';
}

/** What the flow of a run is made of: its signed request, and the loaded playbook where it is the one that was pinned. */
async function signedFlow({ signed, register, playbooks }: RunnerDeps, run: string, record: RunRecord): Promise<Flow> {
  const { request, playbook } = await signed.info(run);
  await register.assertOpen(run);
  const loaded = playbooks.get(playbook.name);
  return { run, request, playbook: loaded?.sha256 === playbook.sha256 ? pinnedPlaybook(loaded) : record.playbook };
}

/** Makes the function that BullMQ calls with the repeated job. */
export function reconcileProcessor(deps: RunnerDeps): Processor {
  return () => reconcile(deps);
}
