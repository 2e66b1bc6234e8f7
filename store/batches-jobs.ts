import { ofRedis } from './of-redis.js';
import type { Queues } from './queues.js';

/** The queue of the workers of a cluster that find the pods of batches. */
export function expandQueue(cluster: string): string {
  return `expand.${cluster}`;
}

/** The queue of the jobs that write fleet reports. */
export const fleetQueue = 'fleet';

/** What their jobs carry. Everything else comes from the signed order. */
export interface ExpandJob {
  readonly batch: string;
  readonly round: number;
}
export interface FleetJob {
  readonly batch: string;
}

/** A report is tried for about a day: without it the batch says nothing, and nobody asks for it again. */
const reportAttempts = 17;
const opts = { attempts: 6, backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 }, removeOnComplete: true, removeOnFail: true };

/** Has workers do their part of a batch; each may be asked for again at will. Throws `redis-unavailable`. */
export class BatchJobs {
  constructor(private readonly queues: Queues) {}

  async expand(cluster: string, job: ExpandJob): Promise<void> {
    await ofRedis(() => this.queues.get(expandQueue(cluster)).add('expand', job, { ...opts, jobId: `${job.batch}.${job.round}` }));
  }

  /** @param after the number of wishes by then: each retry that has ended has a report of its own */
  async report(batch: string, after: number): Promise<void> {
    const job: FleetJob = { batch };
    await ofRedis(() => this.queues.get(fleetQueue).add('fleet', job, { ...opts, attempts: reportAttempts, jobId: `${batch}.${after}` }));
  }
}
