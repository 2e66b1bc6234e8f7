import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, type Processor, RateLimitError } from 'bullmq';
import { z } from 'zod';
import { afterMs } from '../../playbooks/domain/abort.js';
import { sha256Schema } from '../../playbooks/domain/artifact.js';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import type { Lookup } from '../../playbooks/domain/lookup.js';
import { isRetryable } from '../../playbooks/domain/retry.js';
import type { IntelPort } from '../../playbooks/ports.js';
import { type ActiveLookup, lookupQueue } from '../../store/lookup-desk.js';
import { isInteractive } from '../../store/lookup-line.js';
import type { Grant, Refusal } from '../../store/quota.js';
import type { RunnerDeps } from './deps.js';
import { keepAnswer } from './keep-answer.js';
import { handBack, park } from './parking.js';
import { askQuota } from './quota-sync.js';

const lookupJobSchema = z.object({ sha256: sha256Schema });
/** A closed queue looks again after this at the latest: limits may have been raised. */
const maxPauseMs = 60_000;
/** The same for a single lookup that leaves the rest of the day to others; there may be thousands of them. */
const maxParkMs = 600_000;

/** How often, and how long at most, a lookup looks whether better ones have gone. */
const turnMs = 10;
const maxTurnMs = 1_000;

interface LookupContext {
  readonly deps: RunnerDeps;
  readonly intel: IntelPort;
  readonly job: Job;
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly sha256: string;
}

/** Makes the function that BullMQ calls with a lookup: asks the source under quota, once, and keeps the answer. */
export function lookupProcessor(deps: RunnerDeps, intel: IntelPort): Processor {
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const { sha256 } = lookupJobSchema.parse(job.data);
    const context = { deps, intel, job, token, signal, sha256 };
    const known = (await deps.desk.answers([sha256])).get(sha256);
    if (known !== undefined) {
      await deps.desk.announce(sha256);
      await deps.amendments.answered(known);
      return;
    }
    // Each round but the last one closes a key.
    for (let done = false; !done; ) {
      const grant = await reserve(context);
      done = grant instanceof TriageError ? await fail(context, grant) : await attempt(context, grant);
    }
  };
}

/** A request that may be sent; or the error of a source that accepts no key; or none for now, by an exception. */
async function reserve(context: LookupContext): Promise<Grant | TriageError> {
  const { deps, intel, job, token, signal } = context;
  await turn(context);
  for (;;) {
    if (signal?.reason === 'shutdown') return handBack(job, token);
    const answer = await deps.quota.reserve(isInteractive(job.priority));
    if (!answer.granted) {
      if (answer.why !== 'unauthorized') return wait(context, answer);
      return new TriageError('intel-unauthorized', (await deps.quota.refusal()) ?? 'the intelligence source does not accept the key');
    }
    if (answer.ask && intel.quota !== undefined) await askQuota(deps, intel, answer, signal);
    else {
      await deps.desk.granted(activeLookup(job));
      return answer;
    }
  }
}

/** Lets better lookups go first: those in other hands by waiting, those in the queue by going back there (by an exception). */
async function turn({ deps, job, token, signal }: LookupContext): Promise<void> {
  const end = performance.now() + maxTurnMs;
  while (signal?.aborted !== true && performance.now() < end) {
    const answer = await deps.desk.turn(activeLookup(job));
    if (answer === 'go') return;
    if (answer === 'yield') return handBack(job, token);
    await sleep(turnMs);
  }
}

function activeLookup({ id = '', processedOn = 0 }: Job): ActiveLookup {
  return { id, processedOn };
}

async function wait({ deps, job, token }: LookupContext, { waitMs, urgentMs }: Refusal): Promise<never> {
  // What is left of the day is for interactive work: only this job waits, not the queue.
  if (urgentMs < waitMs) return park(job, token, Math.min(Math.max(waitMs, maxPauseMs), maxParkMs));
  await deps.queues.get(lookupQueue).rateLimit(Math.min(Math.max(waitMs, 1), maxPauseMs));
  throw new RateLimitError();
}

/** True when the lookup has ended; false when another key may answer it. */
async function attempt(context: LookupContext, grant: Grant): Promise<boolean> {
  const { deps, job, token, signal } = context;
  const timeout = afterMs(deps.timings.lookupTimeoutMs);
  try {
    const lookup = await ask(context, grant, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    await keep(deps, lookup);
    await deps.quota.of(grant.key).answered();
    return true;
  } catch (raw) {
    if (signal?.reason === 'shutdown') {
      await deps.quota.of(grant.key).tried();
      return handBack(job, token);
    }
    return afterError(context, grant, asTriageError(raw, timeout.aborted ? 'timeout' : 'internal'));
  }
}

async function ask({ deps, intel, sha256 }: LookupContext, { key }: Grant, signal: AbortSignal): Promise<Lookup> {
  const askedAt = deps.clock().toISOString();
  const { lookup, raw } = await intel.lookup(sha256, signal, key);
  const stored = raw === undefined ? undefined : await keepAnswer(deps, raw, signal);
  return { ...lookup, askedAt, cached: false, ...(stored === undefined ? {} : { answer: stored.sha256 }) };
}

async function afterError(context: LookupContext, { key }: Grant, error: TriageError): Promise<boolean> {
  const { deps, job } = context;
  const ledger = deps.quota.of(key);
  if (error.code === 'intel-quota') {
    const ms = await ledger.block();
    deps.logger.warn({ key, ms }, 'the intelligence source refused a request: asking with this key pauses');
    return false;
  }
  if (error.code === 'intel-unauthorized') {
    await ledger.refuse(error.message);
    deps.logger.warn({ key }, error.message);
    return false;
  }
  await ledger.tried();
  if (isRetryable(error) && job.attemptsMade + 1 < (job.opts.attempts ?? 1)) throw error;
  deps.logger.warn({ sha256: context.sha256, code: error.code }, 'a lookup has failed for good');
  return fail(context, error);
}

async function fail({ deps, intel, sha256 }: LookupContext, { code, message }: TriageError): Promise<true> {
  const askedAt = deps.clock().toISOString();
  await keep(deps, { sha256, source: intel.source, status: 'error', reason: code, error: { code, message }, askedAt, cached: false });
  return true;
}

async function keep({ desk, amendments }: RunnerDeps, lookup: Lookup): Promise<void> {
  await desk.keep(lookup);
  await amendments.answered(lookup);
}
