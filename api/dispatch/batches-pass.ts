import type { BatchState } from '../../playbooks/domain/batch.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { isBatchEnd } from '../../store/batches.js';
import { maxRounds, type Round } from '../../store/batches-texts.js';
import type { DispatchDeps } from './batches-deps.js';
import type { BatchPods } from './batches-pods.js';
import { cancelRuns, type Open, openMore, retryRuns, settleRuns, type Walk } from './batches-runs.js';

/**
 * Goes once through a batch and does what is to be done now. May be called by anybody, at any time, more than once at a time: what is done is
 * decided by scripts in Redis, and runs have ids of their own. Returns its open runs; undefined: the batch is at an end.
 */
export async function passBatch(deps: DispatchDeps, pods: BatchPods, id: string): Promise<readonly string[] | undefined> {
  const batch = await deps.batches.get(id);
  if (batch === undefined || isBatchEnd(batch.record.state)) {
    await (batch === undefined ? deps.batches.forget(id) : deps.batches.forgetEnded(id));
    return undefined;
  }
  const walk: Walk = { batch, mode: await deps.batches.mode(id), pods };
  try {
    return await walkBatch(deps, walk);
  } catch (error) {
    if (!(error instanceof TriageError && error.code === 'custody-broken') || (await hasMoved(deps, walk))) throw error;
    deps.alert(error, { what: `batch ${id}` });
    await end(deps, walk, 'failed', error);
    return undefined;
  }
}

/** Whether somebody has taken the batch further meanwhile: then what does not fit may be his, and is looked at anew. */
async function hasMoved({ batches }: DispatchDeps, { batch, mode }: Walk): Promise<boolean> {
  const [now, { wishes }] = await Promise.all([batches.get(batch.id), batches.mode(batch.id)]);
  return now?.record.round !== batch.record.round || wishes !== mode.wishes;
}

async function walkBatch(deps: DispatchDeps, walk: Walk): Promise<readonly string[] | undefined> {
  const { batch, mode, pods } = walk;
  const { request } = batch.order;
  const round = await pods.read(batch);
  if (round === undefined && mode.mode === 'cancel') return end(deps, walk, 'cancelled');
  if (round === undefined) {
    await deps.jobs.expand(request.cluster, { batch: batch.id, round: batch.record.round });
    return [];
  }
  if (round.error !== undefined && batch.record.round === 1) return end(deps, walk, 'failed', new TriageError(round.error.code, round.error.message));
  if (request.dryRun) return plan(deps, walk);
  await show(deps, walk);
  const open = await settleRuns(deps, walk);
  await retryRuns(deps, walk);
  if (mode.mode === 'cancel') await cancelRuns(deps, walk, open);
  if (mode.mode === 'run') await openMore(deps, walk, open);
  return concluded(deps, walk, round, open);
}

async function concluded(deps: DispatchDeps, walk: Walk, round: Round, open: Open): Promise<readonly string[] | undefined> {
  const { batch, mode, pods } = walk;
  if (open.size > 0) return Array.from(open.values(), ({ run }) => run);
  if (mode.mode === 'cancel') return end(deps, walk, 'cancelled');
  if ((await pods.waiting()).size > 0) return [];
  // Somebody else may have taken what does not wait any more.
  if ((await deps.targets.running(batch.id)).size > 0) return [];
  if (!isLast(walk, round)) {
    await deps.batches.move(batch.id, 'running', 'running', { round: batch.record.round + 1 });
    return [];
  }
  return end(deps, walk, 'completed');
}

/** Pods that have come since may be there after each round that had some. Those who named their pods have named all. */
function isLast({ batch, mode }: Walk, round: Round): boolean {
  const isNamed = 'targets' in batch.order.request.select;
  return isNamed || round.count === 0 || round.error !== undefined || batch.record.round >= maxRounds || mode.retries.size > 0;
}

/** Shows the state that the signed wishes come to, whatever stood there. */
async function show({ batches, clock }: DispatchDeps, { batch, mode, pods }: Walk): Promise<void> {
  const wanted: Readonly<Record<typeof mode.mode, BatchState>> = { run: 'running', pause: 'paused', cancel: 'cancelling' };
  const { state, startedAt, nodes } = batch.record;
  if (state === wanted[mode.mode] && nodes === pods.nodes) return;
  const now = clock().toISOString();
  await batches.move(batch.id, state, wanted[mode.mode], { nodes: pods.nodes, startedAt: startedAt ?? now });
}

async function plan(deps: DispatchDeps, { batch, pods }: Walk): Promise<undefined> {
  const targets = pods.all.map(({ target }) => target);
  const said = JSON.stringify(await deps.plan(batch.order.request, targets));
  await deps.batches.move(batch.id, batch.record.state, 'planned', { plan: said, finishedAt: deps.clock().toISOString() });
  return undefined;
}

async function end(deps: DispatchDeps, { batch, mode, pods }: Walk, state: BatchState, error?: TriageError): Promise<undefined> {
  const { id } = batch;
  const current = (await deps.batches.get(id))?.record.state ?? batch.record.state;
  if (isBatchEnd(current)) return undefined;
  const at = await deps.batches.endsAt(id, mode.wishes);
  // Both before it is at an end: from then on nobody looks at it.
  if (error === undefined && pods.all.length > 0) await deps.jobs.report(id, mode.wishes);
  await deps.tell(batch, state, at);
  const failure = error === undefined ? {} : { error: JSON.stringify({ code: error.code, message: error.message }) };
  await deps.batches.move(id, current, state, { finishedAt: at, ...failure });
  return undefined;
}
