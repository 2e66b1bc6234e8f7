import { type Job, type Processor, RateLimitError } from 'bullmq';
import { z } from 'zod';
import { afterMs } from '../../playbooks/domain/abort.js';
import { sha256Schema } from '../../playbooks/domain/artifact.js';
import { asTriageError, type TriageError } from '../../playbooks/domain/error.js';
import type { Lookup } from '../../playbooks/domain/lookup.js';
import { priorities } from '../../playbooks/domain/request.js';
import { isRetryable } from '../../playbooks/domain/retry.js';
import type { IntelPort } from '../../playbooks/ports.js';
import { lookupQueue } from '../../store/lookup-desk.js';
import type { RunnerDeps } from './deps.js';
import { handBack, park } from './parking.js';

const lookupJobSchema = z.object({ sha256: sha256Schema });
/** A closed queue looks again after this at the latest: limits may have been raised. */
const maxPauseMs = 60_000;

/** Makes the function that BullMQ calls with a lookup: asks the source under quota, once, and keeps the answer. */
export function lookupProcessor(deps: RunnerDeps, intel: IntelPort): Processor {
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const { sha256 } = lookupJobSchema.parse(job.data);
    if ((await deps.desk.answers([sha256])).has(sha256)) return deps.desk.announce(sha256);
    await reserve(deps, job, token);
    const timeout = afterMs(deps.timings.lookupTimeoutMs);
    try {
      await deps.desk.keep(await ask(deps, intel, sha256, signal === undefined ? timeout : AbortSignal.any([signal, timeout])));
      await deps.quota.answered();
    } catch (raw) {
      if (signal?.reason === 'shutdown') return handBack(job, token);
      await afterError(deps, intel, job, sha256, asTriageError(raw, timeout.aborted ? 'timeout' : 'internal'));
    }
  };
}

async function reserve({ quota, queues, timings }: RunnerDeps, job: Job, token: string | undefined): Promise<void> {
  const interactive = job.priority <= priorities.interactive;
  const reservation = await quota.reserve(interactive);
  if (reservation.granted) return;
  // What is left of the day is for interactive work: only this job waits, not the queue.
  if (reservation.why === 'day' && !interactive && (await quota.view()).left.day > 0) return park(job, token, Math.max(maxPauseMs, timings.parkMs));
  await queues.get(lookupQueue).rateLimit(Math.min(Math.max(reservation.waitMs, 1), maxPauseMs));
  throw new RateLimitError();
}

async function ask({ ports, clock }: RunnerDeps, intel: IntelPort, sha256: string, signal: AbortSignal): Promise<Lookup> {
  const askedAt = clock().toISOString();
  const { lookup, raw } = await intel.lookup(sha256, signal);
  const stored = raw === undefined ? undefined : await ports.evidence.put([raw], signal);
  return { ...lookup, askedAt, cached: false, ...(stored === undefined ? {} : { answer: stored.sha256 }) };
}

async function afterError(
  { desk, quota, queues, logger, clock }: RunnerDeps,
  intel: IntelPort,
  job: Job,
  sha256: string,
  error: TriageError,
): Promise<void> {
  if (error.code === 'intel-quota') {
    const ms = await quota.block();
    logger.warn({ ms }, 'the intelligence source refused a request: asking pauses');
    await queues.get(lookupQueue).rateLimit(Math.min(ms, maxPauseMs));
    throw new RateLimitError();
  }
  if (isRetryable(error) && job.attemptsMade + 1 < (job.opts.attempts ?? 1)) throw error;
  logger.warn({ sha256, code: error.code }, 'a lookup has failed for good');
  const failure = { code: error.code, message: error.message };
  await desk.keep({
    sha256,
    source: intel.source,
    status: 'error',
    reason: error.code,
    error: failure,
    askedAt: clock().toISOString(),
    cached: false,
  });
}
