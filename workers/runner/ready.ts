import { randomUUID } from 'node:crypto';
import type { Job } from 'bullmq';
import { priorities } from '../../playbooks/domain/request.js';
import { jobId, queueName } from '../../store/queues.js';
import type { RunnerDeps } from './deps.js';
import { SlotLease } from './lease.js';
import { park } from './parking.js';
import type { StepPlan } from './plan.js';
import { missingAnswers } from './probe.js';

/** Waiters ask again after at most so many times `parkMs`. */
export const maxParkFactor = 120;

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
  if (queue === 'intel') await answersThere(deps, job, token, plan, signal);
  return undefined;
}

/** A cancelled step waits for nothing any more, and must not keep a place in a queue. */
export async function leaveQueue(deps: RunnerDeps, plan: StepPlan): Promise<void> {
  const name = slotName(plan);
  if (plan.step.step.queue === 'node' && name !== undefined) await deps.slots.leave(name, jobId(plan.info.id, plan.step.step.name));
}

function slotName({ info, board }: StepPlan): string | undefined {
  return board.node === undefined ? undefined : `${info.request.target.cluster}:${board.node.name}`;
}

async function nodeSlot(deps: RunnerDeps, job: Job, token: string | undefined, plan: StepPlan): Promise<SlotLease | undefined> {
  const { info, step } = plan;
  const name = slotName(plan);
  if (name === undefined) return undefined;
  const { cluster } = info.request.target;
  const waiter = jobId(info.id, step.step.name);
  const priority = priorities[info.request.options.priority];
  const request = { name, holder: `${waiter}/${randomUUID()}`, waiter, priority };
  const wake = (next: string): Promise<void> => deps.queues.wake(queueName('node', cluster), next);
  const answer = await deps.slots.acquire(request);
  const lease = answer.held ? new SlotLease(deps.slots, request, wake, deps.logger) : undefined;
  // Who should have woken them may have died.
  await Promise.all(answer.wake.map(wake));
  if (lease !== undefined) return lease;
  await deps.log.waiting(info.id, step.step.name, { for: 'node-slot' });
  // The further back, the longer: hundreds of waiters must not keep the workers busy with asking.
  return park(job, token, deps.timings.parkMs * Math.min(1 + answer.place / 2, maxParkFactor));
}

async function answersThere(deps: RunnerDeps, job: Job, token: string | undefined, plan: StepPlan, signal: AbortSignal): Promise<void> {
  const { desk, log, ports, timings } = deps;
  if (ports.intel === undefined) return;
  const run = plan.info.id;
  const name = plan.step.step.name;
  const id = jobId(run, name);
  const left = await desk.outstanding(id);
  const missing = left.length > 0 ? left : await missingAnswers(deps, plan, signal);
  if (missing.length === 0) return;
  const { priority } = plan.info.request.options;
  const deadlineMs = priority === 'interactive' ? timings.lookupDeadlineMs.interactive : timings.lookupDeadlineMs.other;
  const since = Date.parse(await log.askSince(run));
  if (deps.clock().getTime() - since >= deadlineMs) return desk.settle(id);
  await desk.ask(id, missing, priorities[priority]);
  await log.waiting(run, name, { for: 'quota' });
  // An answer may have come before the desk knew who to wake; the delay is the truth, so only that much is lost.
  return park(job, token, timings.parkMs);
}
