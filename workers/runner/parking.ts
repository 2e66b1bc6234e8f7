import { DelayedError, type Job, WaitingError } from 'bullmq';

/**
 * Puts a job aside without costing an attempt. Whoever frees what it waits for promotes it; if that never comes, it wakes
 * by itself after `ms` and a bit of chance. To be awaited as the last thing a processor does.
 */
export async function park(job: Job, token: string | undefined, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + ms * (1 + Math.random() / 4), token);
  throw new DelayedError();
}

/** Gives a job back, untouched, for another worker to take. */
export async function handBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
