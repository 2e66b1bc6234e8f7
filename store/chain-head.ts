import type { Redis } from 'ioredis';
import { z } from 'zod';
import { sha256Schema } from '../playbooks/domain/artifact.js';
import type { Head } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';

const hashSchema = z.union([z.literal(''), sha256Schema]);

/**
 * A head as a script has told it. Throws `custody-broken` for a hash that is none: what is not text comes back changed, so that whoever
 * builds upon it would never be done.
 */
export function toldHead(chain: string, seq: unknown, told: unknown): Head {
  const hash = hashSchema.safeParse(told).data;
  if (hash !== undefined) return { seq: Number(seq), hash };
  throw new TriageError('custody-broken', `what Redis has as the head of the chain ${chain} is no hash; nothing is written to it`);
}

/** How many entries a chain has and the hash of the last, which fit each other. Throws `redis-unavailable`. */
export async function chainHead(redis: Redis, keys: Keys, chain: string): Promise<Head> {
  const replies = await ofRedis(() => redis.multi().llen(keys.custody(chain)).get(keys.head(chain)).exec());
  const [seq, hash] = (replies ?? []).map(([, value]) => value);
  return { seq: Number(seq ?? 0), hash: typeof hash === 'string' ? hash : '' };
}
