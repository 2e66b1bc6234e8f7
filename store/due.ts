import type { Redis } from 'ioredis';
import { ofRedis } from './of-redis.js';

/** What is due at `now`, in ms, of a ZSET whose scores say when; what has waited longest first. Throws `redis-unavailable`. */
export function dueOf(redis: Redis, key: string, now: number, limit: number): Promise<readonly string[]> {
  return ofRedis(() => redis.zrange(key, '-inf', String(now), 'BYSCORE', 'LIMIT', 0, limit));
}
