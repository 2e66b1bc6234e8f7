import type { Redis } from 'ioredis';
import { afterMs } from '../playbooks/domain/abort.js';
import type { ChangeFeed } from './change-feed.js';
import { ofRedis } from './of-redis.js';

/** What is waited for. */
export interface Changing {
  /** HASH whose field `rev` goes up with each change. */
  readonly key: string;
  /** Where changes are announced. */
  readonly channel: string;
}

/** Resolves when something has changed since the call, or after `ms`, or with the signal. Without a feed it only waits. Throws `redis-unavailable`. */
export async function untilChanged(
  redis: Redis,
  feed: ChangeFeed | undefined,
  { key, channel }: Changing,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const revision = (): Promise<string | null> => ofRedis(() => redis.hget(key, 'rev'));
  const before = revision();
  const waiter = new AbortController();
  const over = AbortSignal.any([signal, afterMs(ms), waiter.signal]);
  const stop = await feed?.listen(channel, () => waiter.abort());
  try {
    // What changed before the subscription stood shows in the revision.
    if ((await before) !== (await revision()) || over.aborted) return;
    await new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    stop?.();
  }
}
