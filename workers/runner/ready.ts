import { randomUUID } from 'node:crypto';
import type { Job } from 'bullmq';
import type { WantedHash } from '../../playbooks/domain/lookup.js';
import { priorities } from '../../playbooks/domain/request.js';
import { jobId, queueName } from '../../store/queues.js';
import type { RunnerDeps } from './deps.js';
import { SlotLease } from './lease.js';
import { lookupDeadlineMs } from './lookup-deadline.js';
import { park } from './parking.js';
import { nodeOf, type StepPlan } from './plan.js';
import { probeLookups } from './probe.js';
import { seenAnswers } from './run-answers.js';
import { uploadsThere } from './uploads.js';

/** Waiters ask again after at most so many times `parkMs`. */
export const maxParkFactor = 120;
/** The same for those who wait for answers: shorter than the desk remembers a failure, so that no answer is missed. */
const maxAnswerParkFactor = 30;
/** How often who waits for answers looks on the way to the time when they should be there. */
const pollsAhead = 20;

/**
 * Makes sure that a step can begin: holds a slot on its node, or has the answers that it asks for. Else the job is parked
 * (by an exception) and the run shows why. All of it may be repeated at every waking.
 * @returns the slot, to be released when the attempt is over
 */
export async function ready(
  deps: RunnerDeps,
  job: Job,
  token: string | undefined,
  plan: StepPlan,
  signal: AbortSignal,
): Promise<SlotLease | undefined> {
  const { queue } = plan.step.step;
  if (queue === 'node') return nodeSlot(deps, job, token, plan);
  if (plan.step.step.uploads === true) await uploadsThere(deps, job, token, plan, signal);
  else if (queue === 'intel') await answersThere(deps, job, token, plan, signal);
  return undefined;
}

/** A cancelled step waits for nothing any more, and must not keep a place in a queue. */
export async function leaveQueue(deps: RunnerDeps, plan: StepPlan): Promise<void> {
  const node = nodeOf(plan);
  const id = jobId(plan.info.id, plan.step.step.name);
  if (node !== undefined) await deps.slots.leave(node, id);
  if (plan.step.step.queue === 'intel') await deps.desk.leave(id);
}

async function nodeSlot(deps: RunnerDeps, job: Job, token: string | undefined, plan: StepPlan): Promise<SlotLease | undefined> {
  const { info, step } = plan;
  const name = nodeOf(plan);
  if (name === undefined) return undefined;
  const { cluster } = info.request.target;
  const waiter = jobId(info.id, step.step.name);
  const priority = priorities[info.request.options.priority];
  const request = { name, holder: `${waiter}/${randomUUID()}`, waiter, priority };
  const wake = (next: string): Promise<void> => deps.queues.wake(queueName('node', cluster), next);
  const answer = await deps.slots.acquire(request);
  const logger = deps.logger.child({ run: info.id, step: step.step.name });
  const lease = answer.held ? new SlotLease(deps.slots, request, wake, logger) : undefined;
  // Who should have woken them may have died.
  await Promise.all(answer.wake.map(wake));
  if (lease !== undefined) return lease;
  await deps.log.waiting(info.id, step.step.name, { for: 'node-slot' });
  // The further back, the longer: hundreds of waiters must not keep the workers busy with asking.
  return park(job, token, deps.timings.parkMs * Math.min(1 + answer.place / 2, maxParkFactor));
}

async function answersThere(deps: RunnerDeps, job: Job, token: string | undefined, plan: StepPlan, signal: AbortSignal): Promise<void> {
  const { desk, log, lookups, timings } = deps;
  if (deps.ports.intel === undefined) return;
  const run = plan.info.id;
  const name = plan.step.step.name;
  const id = jobId(run, name);
  const missing = await missingAnswers(deps, plan, signal);
  if (missing.length === 0) return;
  const { priority } = plan.info.request.options;
  const isFirst = (await lookups.askedSince(run)) === undefined;
  const deadline = Date.parse(await lookups.askSince(run, deps.clock().toISOString())) + lookupDeadlineMs(deps, plan);
  const now = deps.clock().getTime();
  // Strikes off what was answered before the desk knew who waits: or the last answer would not be the last.
  await desk.outstanding(id);
  if (isFirst || now < deadline) await desk.ask(id, missing, priority);
  const hashes = missing.map(({ sha256 }) => sha256);
  if (now >= deadline) {
    // Their answers will amend the report; nobody may take them out of the queue meanwhile.
    await deps.amendments.watch(run, hashes);
    return desk.settle(id);
  }
  const wait = await waitUntil(deps, hashes, deadline);
  await log.waiting(run, name, wait);
  // An answer may have come before the desk knew who to wake; the delay is the truth, so only that much is lost.
  const ahead = Date.parse(wait.eta) - now;
  return park(job, token, Math.min(deadline - now, Math.max(timings.parkMs, Math.min(ahead / pollsAhead, timings.parkMs * maxAnswerParkFactor))));
}

/** What the step still waits for; it is probed once, to choose what it may ask about. */
async function missingAnswers(deps: RunnerDeps, plan: StepPlan, signal: AbortSignal): Promise<readonly WantedHash[]> {
  const { id } = plan.info;
  const step = plan.step.step.name;
  if ((await deps.lookups.asking(id, step)) === undefined) await probeLookups(deps, plan, signal);
  const asking = (await deps.lookups.asking(id, step)) ?? [];
  const seen = await seenAnswers(
    deps,
    id,
    asking.map(({ sha256 }) => sha256),
  );
  return asking.filter(({ sha256 }) => !seen.has(sha256));
}

/** The run goes on when its last answer has come, or at its deadline. */
async function waitUntil({ desk }: RunnerDeps, hashes: readonly string[], deadline: number): Promise<{ for: 'quota'; eta: string }> {
  const eta = await desk.eta(hashes, deadline);
  return { for: 'quota', eta: eta === undefined || Date.parse(eta) > deadline ? new Date(deadline).toISOString() : eta };
}
