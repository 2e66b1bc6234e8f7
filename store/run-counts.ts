import type { Redis } from 'ioredis';
import { endStates, openStates, type RunState, runStates } from '../playbooks/domain/run.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';

/** So many open runs are looked at. */
const maxLookedAt = 10_000;

/** How many runs there are in each state; `other`: open, and beyond the first 10,000, or not to be read. */
export type RunCounts = ReadonlyMap<RunState | 'other', number>;

/** Counts runs: those that have ended as their seals have counted them, those that are open by looking at each. Throws `redis-unavailable`. */
export function countRuns(redis: Redis, keys: Keys): Promise<RunCounts> {
  return ofRedis(async () => {
    const counts = new Map<RunState | 'other', number>([...runStates.map((state) => [state, 0] as const), ['other', 0]]);
    const [ended, open, all] = await Promise.all([
      redis.hgetall(keys.ended),
      redis.zrange(keys.open, '0', String(maxLookedAt - 1)),
      redis.zcard(keys.open),
    ]);
    for (const state of endStates) counts.set(state, Number(ended[state] ?? 0));
    const asks = redis.pipeline();
    for (const run of open) asks.hget(keys.run(run), 'state');
    for (const [, value] of (await asks.exec()) ?? []) {
      const state = openStates.find((each) => each === value);
      // One that has ended since the list was read is in the other count.
      if (state !== undefined) counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    counts.set('other', Math.max(0, all - open.length));
    return counts;
  });
}
