import type { Job, Processor } from 'bullmq';
import { z } from 'zod';
import { afterMs } from '../../playbooks/domain/abort.js';
import type { ListedPod } from '../../playbooks/domain/batch.js';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { isRetryable } from '../../playbooks/domain/retry.js';
import { filtersOf, type Selected, selectPods } from '../../playbooks/fleet/select-pods.js';
import type { PodListPort } from '../../playbooks/ports.js';
import type { RedisBatches, StoredBatch } from '../../store/batches.js';
import { maxRounds } from '../../store/batches-texts.js';
import type { RunnerDeps } from './deps.js';
import { handBack } from './parking.js';

const jobSchema = z.object({ batch: z.string(), round: z.int().min(1).max(maxRounds) });
/** For listing all pods of a large cluster through a slow API server. */
const timeoutMs = 5 * 60_000;
/** The most pods that one list may have: what a batch may have and as many again that do not fit. */
const maxListed = 200_000;

type Expanding = Pick<RunnerDeps, 'batches' | 'alert' | 'logger'>;

/** Makes the function that BullMQ calls to find the pods of a batch. Its job says nothing but which batch: the rest is in the signed order. */
export function expandProcessor(deps: Expanding, cluster: string, pods: PodListPort): Processor {
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const { batch, round } = jobSchema.parse(job.data);
    const timeout = afterMs(timeoutMs, `the pods of batch ${batch} were not listed within ${timeoutMs / 60_000} min`);
    try {
      await expand(deps.batches, { batch, round, cluster }, pods, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    } catch (raw) {
      if (signal?.reason === 'shutdown') return handBack(job, token);
      const error = asTriageError(raw);
      if (isRetryable(error) && job.attemptsMade + 1 < (job.opts.attempts ?? 1)) throw error;
      deps.logger.warn({ err: error, batch }, 'the pods of a batch could not be found');
      const { code, message } = error;
      await deps.batches.expanded(batch, round, { foreign: 0, left: 0, error: { code, message } }, []);
    }
  };
}

interface Wanted {
  readonly batch: string;
  readonly round: number;
  /** That this worker serves. */
  readonly cluster: string;
}

async function expand(batches: RedisBatches, { batch, round, cluster }: Wanted, pods: PodListPort, signal: AbortSignal): Promise<void> {
  const stored = await batches.get(batch);
  // One that is not signed was reported, and commands nothing.
  if (stored?.order.request.cluster !== cluster || (await batches.round(batch, round)) !== undefined) return;
  const { request, reach } = stored.order;
  const found = selectPods(request.select, cluster, reach, await listAll(pods, stored, signal));
  if (round === 1) await first(batches, stored, found);
  else await later(batches, stored, round, found);
}

async function first(batches: RedisBatches, { id, order }: StoredBatch, { targets, foreign }: Selected): Promise<void> {
  const { maxPods } = order.request;
  if (targets.length > maxPods)
    throw new TriageError(
      'batch-too-large',
      `the selection has ${targets.length} pods, and the batch may have ${maxPods}; narrow it, or raise maxPods`,
    );
  await batches.expanded(id, 1, { foreign, left: 0 }, targets);
}

/** Pods that the rounds before have not had, as many as the batch still may have. */
async function later(batches: RedisBatches, { id, order }: StoredBatch, round: number, { targets, foreign }: Selected): Promise<void> {
  const known = new Set<string>();
  for (let each = 1; each < round; each += 1) {
    const before = await batches.round(id, each);
    if (before === undefined) throw new TriageError('custody-broken', `batch ${id} has no round ${each}, and round ${round} is asked for`);
    for (const { uid } of await batches.pods(id, each, before)) if (uid !== undefined) known.add(uid);
  }
  const fresh = targets.filter(({ uid }) => uid !== undefined && !known.has(uid));
  const room = Math.max(0, order.request.maxPods - known.size);
  await batches.expanded(id, round, { foreign, left: Math.max(0, fresh.length - room) }, fresh.slice(0, room));
}

async function listAll(pods: PodListPort, { order }: StoredBatch, signal: AbortSignal): Promise<readonly ListedPod[]> {
  const { cluster, select } = order.request;
  const all: ListedPod[] = [];
  for (const filter of filtersOf(select))
    for await (const page of pods.list(cluster, filter, signal)) {
      all.push(...page);
      if (all.length > maxListed)
        throw new TriageError('batch-too-large', `the selection lists more than ${maxListed} pods; narrow it by namespace, labels or node`);
    }
  return all;
}
