import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { runRequestSchema } from '../../playbooks/domain/request.js';
import { isRetryable } from '../../playbooks/domain/retry.js';
import type { StoredBatch } from '../../store/batches.js';
import { batchRunId } from '../../store/batches-ids.js';
import type { EndedRun } from '../../store/batches-targets.js';
import type { TargetStanding } from '../../store/batches-view.js';
import type { Mode } from '../../store/batches-wishes.js';
import { defined } from '../../store/run-record.js';
import type { DispatchDeps } from './batches-deps.js';
import type { BatchPods, NumberedPod } from './batches-pods.js';

const goneCodes: ReadonlySet<string> = new Set(['pod-not-found', 'pod-gone']);

/** A batch that is gone through, with all that this process knows of it. */
export interface Walk {
  readonly batch: StoredBatch;
  readonly mode: Mode;
  readonly pods: BatchPods;
}

/** The pods whose runs are open, and their nodes. */
export type Open = Map<number, { readonly node: string; readonly standing: TargetStanding; readonly run: string }>;

/** Looks after the open runs of a batch: what has ended is counted, and what was recorded and never opened is opened. Returns those that still are open. */
export async function settleRuns(deps: DispatchDeps, walk: Walk): Promise<Open> {
  const { targets } = deps;
  const { id } = walk.batch;
  const open: Open = new Map();
  for (const [number, { node, standing }] of await targets.running(id)) {
    open.set(number, { node, standing, run: runOf(walk, podOf(walk, number), standing) });
  }
  const rows = await targets.runs(Array.from(open.values(), ({ run }) => run));
  for (const [at, [number, { node, standing }]] of [...open].entries()) {
    const row = rows[at];
    if (row === 'open') continue;
    // Whoever took a pod that has no run yet has died before it was recorded, or is doing it at this moment.
    const to = row === undefined ? await openRun(deps, walk, podOf(walk, number), standing) : ended(standing, row);
    if (to === undefined) continue;
    const ms = row?.finishedAt === undefined ? {} : { ms: Math.max(0, Date.parse(row.finishedAt) - Date.parse(row.createdAt)) };
    await targets.move(id, { number, from: standing, to, node, ...ms }, walk.batch.order.request.concurrency);
    open.delete(number);
  }
  return open;
}

function ended(standing: TargetStanding, { state, error, cutShort, verdict, completeness }: EndedRun): TargetStanding {
  const becomes = state === 'failed' && error !== undefined && goneCodes.has(error.code) ? 'gone' : state;
  return { ...standing, state: becomes, ...defined({ error: error ?? cutShort, verdict, completeness }) };
}

function podOf({ batch, pods }: Walk, number: number): NumberedPod {
  const pod = pods.pod(number);
  if (pod === undefined) throw new TriageError('custody-broken', `batch ${batch.id} has a run of a pod that no worker has found`);
  return pod;
}

/** Opens the run of a pod that was taken. Returns what becomes of the pod where it cannot be opened. Throws what passes. */
async function openRun(
  { commander, logger }: DispatchDeps,
  walk: Walk,
  pod: NumberedPod,
  standing: TargetStanding,
): Promise<TargetStanding | undefined> {
  const { id, order } = walk.batch;
  const { requestedBy, request } = order;
  const { cluster, playbook, caseId, examiner, organisation, reason, options } = request;
  const { namespace, pod: name, container } = pod.target;
  const target = { cluster, namespace, pod: name, ...defined({ container }) };
  try {
    const asked = runRequestSchema.parse({ target, playbook, options, ...defined({ caseId, examiner, organisation, reason }) });
    await commander.open(asked, requestedBy, { id: runOf(walk, pod, standing), origin: { batch: id, ...before(walk, pod, standing) } });
    return undefined;
  } catch (raw) {
    const error = asTriageError(raw);
    if (isRetryable(error)) throw error;
    logger.warn({ err: error, batch: id }, 'a run of a batch could not be opened');
    return { ...standing, state: 'failed', error: { code: error.code, message: error.message } };
  }
}

/** The run that this one takes the place of, if it is one of this pod: Redis can say anything. */
function before(walk: Walk, pod: NumberedPod, { retryOf, retry }: TargetStanding): { retryOf?: string } {
  const tries = [0, ...walk.mode.retries.keys()].filter((number) => number < retry);
  return retryOf !== undefined && tries.some((number) => runOf(walk, pod, { state: 'pending', retry: number }) === retryOf) ? { retryOf } : {};
}

/** The id of a pod's run, by what is signed: what Redis says of it is for showing only. Throws `custody-broken` for a retry that nobody has asked for. */
function runOf({ batch, mode }: Walk, { target, at }: NumberedPod, { retry }: TargetStanding): string {
  const askedAt = retry === 0 ? at : mode.retries.get(retry);
  if (askedAt === undefined) throw new TriageError('custody-broken', `batch ${batch.id} has a pod in a retry that nobody has asked for`);
  return batchRunId(batch.id, target, retry, askedAt);
}

/** Opens runs of pods that wait, as many as may be open at once. */
export async function openMore(deps: DispatchDeps, walk: Walk, open: Open): Promise<void> {
  const { batch, pods } = walk;
  const most = batch.order.request.concurrency;
  const waiting = await pods.waiting();
  const busy = new Map<string, number>();
  for (const { node } of open.values()) busy.set(node, (busy.get(node) ?? 0) + 1);
  for (const [number, from] of [...waiting]) {
    if (open.size >= most.total) return;
    const pod = pods.pod(number);
    const node = pod?.target.node ?? '';
    if (pod === undefined || (busy.get(node) ?? 0) >= most.perNode) continue;
    const standing = standingOf(walk, pod, from);
    const what = await deps.targets.move(batch.id, { number, from, to: standing, node }, most);
    if (what === 'full') return;
    if (what === 'node-full') busy.set(node, most.perNode);
    else waiting.delete(number);
    if (what !== 'ok' || standing.state !== 'running') continue;
    open.set(number, { node, standing, run: runOf(walk, pod, standing) });
    busy.set(node, (busy.get(node) ?? 0) + 1);
    await openTaken(deps, walk, { pod, standing, node });
  }
}

async function openTaken(
  deps: DispatchDeps,
  walk: Walk,
  { pod, standing, node }: { readonly pod: NumberedPod; readonly standing: TargetStanding; readonly node: string },
): Promise<void> {
  const refused = await openRun(deps, walk, pod, standing);
  const { id, order } = walk.batch;
  if (refused !== undefined) await deps.targets.move(id, { number: pod.number, from: standing, to: refused, node }, order.request.concurrency);
}

/** What becomes of a pod that has waited. One that had no run by the last retry has its first one in it. */
function standingOf(walk: Walk, pod: NumberedPod, from: TargetStanding = { state: 'pending', retry: lastRetry(walk.mode) }): TargetStanding {
  if (pod.target.gone === true) {
    const { namespace, pod: name } = pod.target;
    return { state: 'gone', retry: from.retry, error: { code: 'pod-not-found', message: `there was no pod ${name} in namespace ${namespace}` } };
  }
  return { ...from, state: 'running', run: runOf(walk, pod, from) };
}

/** Its number; 0: there was none. */
function lastRetry({ retries }: Mode): number {
  return Math.max(0, ...retries.keys());
}

/** Asks all open runs to stop. */
export async function cancelRuns({ commander }: DispatchDeps, { batch, mode }: Walk, open: Open): Promise<void> {
  for (const { run } of open.values()) {
    try {
      await commander.cancel(run, mode.by ?? batch.order.requestedBy);
    } catch (error) {
      // Somebody is opening it at this moment: the next look finds it.
      if (!(error instanceof TriageError && error.code === 'not-found')) throw error;
    }
  }
}

/** Puts the pods of runs that have failed, were cancelled or cut short back among those that wait, each once a retry. */
export async function retryRuns({ targets }: DispatchDeps, { batch, mode, pods }: Walk): Promise<void> {
  const number = lastRetry(mode);
  if (number === 0 || pods.retried === number) return;
  for (const [pod, from] of await targets.standings(batch.id)) {
    if (!isToRetry(from) || from.retry >= number) continue;
    const to: TargetStanding = { state: 'pending', retry: number, ...defined({ retryOf: from.run ?? from.retryOf }) };
    await targets.move(batch.id, { number: pod, from, to, node: '' }, batch.order.request.concurrency);
  }
  pods.retried = number;
  pods.forget();
}

/** A pod that is gone does not come back, and what has completed is had, unless it was cut short. */
function isToRetry({ state, error }: TargetStanding): boolean {
  return state === 'failed' || state === 'cancelled' || (state === 'completed' && error !== undefined);
}
