import type { Redis } from 'ioredis';
import type { Head } from '../playbooks/domain/custody.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';

/** How many entries a chain has and the hash of the last, which fit each other. Throws `redis-unavailable`. */
export async function chainHead(redis: Redis, keys: Keys, chain: string): Promise<Head> {
  const replies = await ofRedis(() => redis.multi().llen(keys.custody(chain)).get(keys.head(chain)).exec());
  const [seq, hash] = (replies ?? []).map(([, value]) => value);
  return { seq: Number(seq ?? 0), hash: typeof hash === 'string' ? hash : '' };
}
