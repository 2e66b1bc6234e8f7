import type { Redis } from 'ioredis';
import { dueOf } from './due.js';
import type { Keys } from './keys.js';

/** Which sealed runs are kept until when. A run that is held is not among them. */
export class Retention {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  /** Runs whose time is over at `now`, in ms; the oldest first. */
  due(now: number, limit: number): Promise<readonly string[]> {
    return dueOf(this.redis, this.keys.retained, now, limit);
  }

  /** Puts the next look at a run off; its time stays what it is. */
  async lookAgain(run: string, at: number): Promise<void> {
    await this.redis.zadd(this.keys.retained, 'XX', at, run);
  }

  /** Gives a run more time. Not to one that was destroyed or held meanwhile: its place in the list is gone. */
  async prolong(run: string, until: number): Promise<void> {
    await this.redis.hset(this.keys.run(run), 'retainedUntil', until);
    await this.lookAgain(run, until);
  }
}
