import type { Redis } from 'ioredis';
import type { Lookup } from '../playbooks/domain/lookup.js';
import { dueOf } from './due.js';
import type { Keys } from './keys.js';
import type { Queues } from './queues.js';

/** The queue of the jobs that amend sealed runs. */
export const amendmentQueue = 'amendments';

/** What such a job carries. */
export interface AmendmentJob {
  readonly run: string;
}

/** Longer than the quota of any month can hold up an answer. Who still waits is written down again long before. */
const watchTtlSeconds = 40 * 86_400;
const badNews: ReadonlySet<Lookup['status']> = new Set(['detected', 'suspicious', 'known-bad']);

/** Says whether a report must not wait for more answers to be amended. */
export function isBadNews({ status }: Pick<Lookup, 'status'>): boolean {
  return badNews.has(status);
}

/** Who watches which answers after a run was judged without them. */
export class Amendments {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly queues: Queues,
    /** How long answers are gathered before they make a new version. */
    private readonly debounceMs: number,
  ) {}

  /** Has a run watch hashes; may be repeated at will. While it does, nobody takes them out of the queue of lookups. */
  async watch(run: string, hashes: readonly string[]): Promise<void> {
    if (hashes.length === 0) return;
    const key = this.keys.pending(run);
    const marks = this.redis
      .pipeline()
      .sadd(key, ...hashes)
      .expire(key, watchTtlSeconds);
    for (const sha256 of hashes) marks.sadd(this.keys.watchers(sha256), run).expire(this.keys.watchers(sha256), watchTtlSeconds);
    await marks.exec();
  }

  /** Ends the watch for these hashes: they are answered, or the run will not be amended. */
  async unwatch(run: string, hashes: readonly string[]): Promise<void> {
    if (hashes.length === 0) return;
    const marks = this.redis.pipeline().srem(this.keys.pending(run), ...hashes);
    for (const sha256 of hashes) marks.srem(this.keys.watchers(sha256), run);
    await marks.exec();
  }

  /** The hashes that a run watches, as far as they are remembered. */
  watched(run: string): Promise<readonly string[]> {
    return this.redis.smembers(this.keys.pending(run));
  }

  /** To be told of each answer after the desk has kept it: sealed runs that watch it are amended soon. */
  async answered(answer: Pick<Lookup, 'sha256' | 'status'>): Promise<void> {
    const runs = await this.redis.smembers(this.keys.watchers(answer.sha256));
    await Promise.all(runs.map((run) => this.schedule(run, isBadNews(answer))));
  }

  /**
   * Has a sealed run amended, after a while or at once. A run that is not sealed yet is looked after when it is.
   * The job's id names the version that it will make: an answer that comes while one is being made asks for the next.
   */
  async schedule(run: string, urgent: boolean): Promise<void> {
    const [due, version] = await Promise.all([this.redis.zscore(this.keys.amending, run), this.redis.hget(this.keys.run(run), 'reportVersion')]);
    if (due === null) return;
    const data: AmendmentJob = { run };
    const jobId = `${run}.amend.${Number(version ?? 1) + 1}`;
    const backoff = { type: 'exponential', delay: 1_000, jitter: 0.5 };
    const opts = { jobId, delay: urgent ? 0 : this.debounceMs, attempts: 5, backoff, removeOnComplete: true, removeOnFail: true };
    await this.queues.get(amendmentQueue).add('amend', data, opts);
    if (urgent) await this.queues.wake(amendmentQueue, jobId);
  }

  /** Whether answers are still to come for a sealed run. */
  async isOpen(run: string): Promise<boolean> {
    return (await this.redis.zscore(this.keys.amending, run)) !== null;
  }

  /** Sealed runs that are to be looked after now, those that have waited longest first. */
  due(now: number, limit: number): Promise<readonly string[]> {
    return dueOf(this.redis, this.keys.amending, now, limit);
  }

  /** Puts the next look at a run off; not for one that is done with. */
  async lookAgain(run: string, at: number): Promise<void> {
    await this.redis.zadd(this.keys.amending, 'XX', at, run);
  }

  /** A run that nothing is to come for any more. */
  async forget(run: string): Promise<void> {
    // In this order: who dies in between leaves a run that is looked at again, and not hashes that nobody waits for any more.
    await Promise.all([this.unwatch(run, await this.watched(run)), this.redis.zrem(this.keys.amending, run)]);
  }
}
