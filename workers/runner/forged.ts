import type { Job } from 'bullmq';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { jobId, queueName, type StepJob } from '../../store/queues.js';
import type { Attempt } from '../../store/run-log.js';
import type { Standing } from '../../store/signed-run.js';
import type { RunnerDeps } from './deps.js';
import type { Planned } from './plan.js';

const stepJobSchema = z.object({ run: z.string().max(100), step: z.string().max(100) });
const maxName = 100;

/** What a job asks for; undefined for one that names no step of a run. */
export function stepOf(job: Job): StepJob | undefined {
  return stepJobSchema.safeParse(job.data).data;
}

/** Why a job cannot be one that podtriage has added; undefined where it can. */
export function forgedBecause({ id, queueName: queue }: Job, { run, step }: StepJob, plan: Planned): string | undefined {
  if (id !== jobId(run, step)) return 'has the id of another job';
  if (plan instanceof TriageError) return plan.code === 'step-unknown' ? 'names a step that the playbook of its run does not have' : undefined;
  const expected = queueName(plan.step.step.queue, plan.info.request.target.cluster);
  return queue === expected ? undefined : `is in the queue ${displayText(queue).slice(0, maxName)}, where its step does not belong`;
}

/** Reports a job that is not done. */
export function refuseJob({ alert }: RunnerDeps, job: Job, named: StepJob | undefined, why: string): void {
  const id = displayText(String(job.id)).slice(0, maxName);
  const error = new TriageError('custody-broken', `job ${id} ${why}: somebody has written it into Redis, and it is not done`);
  alert(error, { ...(named === undefined ? {} : { run: displayText(named.run), step: displayText(named.step) }), what: 'a job' });
}

/**
 * Whether a run was asked to stop by somebody who may: custody says so. A flag without an entry is reported and taken away, and the run goes on.
 */
export async function isCancelled({ log, signed, alert }: RunnerDeps, run: string): Promise<boolean> {
  const flag = await log.cancelFlag(run);
  if (flag === undefined || (await signed.cancelled(run))) return flag !== undefined;
  alert(new TriageError('custody-broken', `nobody has signed that run ${run} is to stop; it goes on`), { run, what: 'a cancel' });
  await log.dropCancel(run, flag);
  return false;
}

/**
 * The same of a run that was read a moment ago: what was signed counts, also where its flag was taken away, and a flag alone is looked into.
 */
export async function isToStop(deps: RunnerDeps, run: string, { cancelled, isFlagged }: Pick<Standing, 'cancelled' | 'isFlagged'>): Promise<boolean> {
  return cancelled || (isFlagged && (await isCancelled(deps, run)));
}

/** Whether an attempt whose writing was refused is the newest all the same: then somebody has changed its fence in Redis. */
export async function isFenceForged({ signed, alert }: RunnerDeps, { run, step, fence }: Attempt): Promise<boolean> {
  // Of a chain that does not hold nobody can say that there is a newer one.
  const { fence: newest, ended } = await unlessBroken(signed.attempts(run, step), { fence, ended: false });
  if (ended || newest !== fence) return false;
  alert(fenceError(run, step), { run, step, what: 'a fence' });
  return true;
}

/** Says that the fence of a step was changed. */
export function fenceError(run: string, step: string): TriageError {
  return new TriageError('custody-broken', `the fence of ${step} of run ${run} in Redis is not that of its newest beginning in custody`);
}

/** Whether a step has begun as often in a row as Redis says: never more often than custody has its beginnings. */
export async function hasBegun({ signed, alert }: RunnerDeps, { run, step }: Attempt, inRow: number): Promise<boolean> {
  const { times } = await unlessBroken(signed.attempts(run, step), { times: inRow });
  if (times >= inRow) return true;
  const error = new TriageError(
    'custody-broken',
    `${step} of run ${run} is said to have begun ${inRow} times in a row, and custody has ${times} beginnings`,
  );
  alert(error, { run, step, what: 'how often a step has begun' });
  return false;
}

/** What signed custody says, or something else where it does not hold: then the run fails for that. */
export async function unlessBroken<T, U>(said: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await said;
  } catch (error) {
    if (error instanceof TriageError && error.code === 'custody-broken') return otherwise;
    throw error;
  }
}
