import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { TriageError } from '../playbooks/domain/error.js';
import { dueOf } from './due.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { doomScript, referScript, releaseScript, stillDoomedScript, undoomScript } from './scripts/references.js';
import { runScript } from './scripts/script.js';

/** Contents that one script looks at: about a millisecond of Redis. */
const page = 500;

/** How long removals take, in milliseconds. */
export interface RemovalTimes {
  /** At most. Who refers to the content meanwhile waits for so long if the remover has died. */
  readonly doomedMs: number;
  /** Bytes do not go later than this before the mark ends. */
  readonly marginMs: number;
  /** A content that was removed is looked for once more after so long: a worker that was suspended may have put it late, and died of it. */
  readonly onceMoreMs: number;
  /** After so long a removal that has failed is tried again. */
  readonly failedMs: number;
}

/** What all who share a store use. */
export const removalTimes: RemovalTimes = { doomedMs: 60_000, marginMs: 15_000, onceMoreMs: 24 * 3_600_000, failedMs: 600_000 };

/** Who refers to contents: a run, or the lookup desk, whose answers all runs share. */
export interface Referrer {
  readonly id: string;
  /** False for who has no record in Redis that could say that its evidence was destroyed. */
  readonly isRun: boolean;
}

/** A content that is being removed. */
export interface Doomed {
  readonly sha256: string;
  readonly token: string;
  /** True when it is the second look. */
  readonly again: boolean;
}

/**
 * Which runs refer to which content. A run refers to a content before it believes that the store has it, and before it puts it; bytes that
 * nobody refers to are removed. Redis' scripts run one after the other: a content is either referred to first, and not marked, or marked
 * first, and who refers to it knows. Methods throw `redis-unavailable`.
 */
export class References {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly clock: () => Date = () => new Date(),
    private readonly times: RemovalTimes = removalTimes,
  ) {}

  /**
   * Has a run refer to contents; may be repeated.
   * @returns those that are being removed now: the store must not be believed to have them, and they may be put when they no longer are
   * @throws TriageError `stale-attempt` when the run's evidence was destroyed
   */
  async refer({ id, isRun }: Referrer, contents: readonly string[]): Promise<ReadonlySet<string>> {
    const { keys } = this;
    const doomed = new Set<string>();
    for (let from = 0; from < contents.length; from += page) {
      const some = contents.slice(from, from + page);
      const pairs = some.flatMap((sha256) => [keys.refs(sha256), keys.doomed(sha256)]);
      const args = [id, this.clock().getTime(), isRun ? 'run' : 'any', ...some];
      const [what, ...found] = await runScript(this.redis, referScript, [keys.run(id), keys.refers(id), keys.unreferenced, ...pairs], args);
      if (what === 'gone') throw new TriageError('stale-attempt', `the evidence of run ${id} has been destroyed; nothing more is kept for it`);
      for (const sha256 of found) doomed.add(String(sha256));
    }
    return doomed;
  }

  /** Whether anybody refers to a content. */
  async isReferred(sha256: string): Promise<boolean> {
    return (await this.ask((redis) => redis.exists(this.keys.refs(sha256)))) === 1;
  }

  /** Has the references of who is no run released at that time, in ms. */
  async releaseAt({ id }: Referrer, at: number): Promise<void> {
    await this.ask((redis) => redis.zadd(this.keys.releasing, at, id));
  }

  /** Whose references are to be released now, those that have waited longest first. */
  releasing(limit: number): Promise<readonly string[]> {
    return this.due(this.keys.releasing, limit);
  }

  /** Has nothing of it released after all. */
  async keep(id: string): Promise<void> {
    await this.ask((redis) => redis.zrem(this.keys.releasing, id));
  }

  /** Releases some of the references of a run whose evidence was destroyed. Returns false when there are no more, and its artifacts are forgotten. */
  async release(id: string): Promise<boolean> {
    const { keys } = this;
    const some = await this.ask((redis) => redis.srandmember(keys.refers(id), page));
    const all = [keys.refers(id), keys.releasing, keys.unreferenced, keys.artifacts(id), ...some.map((sha256) => keys.refs(sha256))];
    const [what] = await runScript(this.redis, releaseScript, all, [id, this.clock().getTime(), ...some]);
    return what === 'more';
  }

  /** Contents to be looked at now: those that may have lost their last reference, and those that are looked at once more. */
  async unreferenced(limit: number): Promise<readonly { readonly sha256: string; readonly again: boolean }[]> {
    const { keys } = this;
    const first = (await this.due(keys.unreferenced, limit)).map((sha256) => ({ sha256, again: false }));
    const again = await this.due(keys.collected, limit - first.length);
    return [...first, ...again.map((sha256) => ({ sha256, again: true }))];
  }

  /** Puts the next look at a content off: its removal has failed, and it is not to stand in the way of others. */
  async putOff({ sha256, again }: { readonly sha256: string; readonly again: boolean }): Promise<void> {
    const key = again ? this.keys.collected : this.keys.unreferenced;
    await this.ask((redis) => redis.zadd(key, 'XX', this.clock().getTime() + this.times.failedMs, sha256));
  }

  /** Marks a content that nobody refers to. Undefined: somebody does, or removes it already. */
  async doom({ sha256, again }: { readonly sha256: string; readonly again: boolean }): Promise<Doomed | undefined> {
    const { keys } = this;
    const token = randomUUID();
    const all = [keys.refs(sha256), keys.doomed(sha256), keys.unreferenced, keys.collected];
    const [what] = await runScript(this.redis, doomScript, all, [sha256, token, this.times.doomedMs]);
    return what === 'doomed' ? { sha256, token, again } : undefined;
  }

  /** Whether the mark still is ours: to be asked right before bytes go. */
  async stillDoomed({ sha256, token }: Doomed): Promise<boolean> {
    const [what] = await runScript(this.redis, stillDoomedScript, [this.keys.doomed(sha256)], [token, this.times.marginMs]);
    return what === 'yes';
  }

  /** Says that the bytes are gone. Where the mark was lost on the way nothing is said, and the content is looked at again. */
  async undoom({ sha256, token, again }: Doomed): Promise<void> {
    const { keys } = this;
    const all = [keys.doomed(sha256), keys.unreferenced, keys.collected];
    await runScript(this.redis, undoomScript, all, [sha256, token, again ? '' : this.clock().getTime() + this.times.onceMoreMs]);
  }

  private due(key: string, limit: number): Promise<readonly string[]> {
    if (limit <= 0) return Promise.resolve([]);
    return dueOf(this.redis, key, this.clock().getTime(), limit);
  }

  private ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    return ofRedis(() => question(this.redis));
  }
}
