import type { Redis } from 'ioredis';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';

/** Who has asked about which hash at the desk: whoever reaches but some namespaces is told of no other. Methods throw `redis-unavailable`. */
export interface LookupAskers {
  /** Remembers it for 30 days. */
  note(sha256: string, actor: string): Promise<void>;
  has(sha256: string, actor: string): Promise<boolean>;
}

const keepSeconds = 30 * 24 * 3_600;

/** Keeps it in Redis. */
export class RedisLookupAskers implements LookupAskers {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  async note(sha256: string, actor: string): Promise<void> {
    await ofRedis(() => this.redis.set(this.keys.lookupAsker(sha256, actor), '1', 'EX', keepSeconds));
  }

  async has(sha256: string, actor: string): Promise<boolean> {
    return (await ofRedis(() => this.redis.exists(this.keys.lookupAsker(sha256, actor)))) === 1;
  }
}
