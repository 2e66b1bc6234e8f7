import { Redis } from 'ioredis';
import { asTriageError, TriageError } from '../playbooks/domain/error.js';

/** Where Redis is, as plain options: BullMQ gets these and never an instance, as it would not close one. */
export interface RedisEndpoint {
  readonly path?: string;
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: object;
  /** Null: a command waits until Redis is back. Workers need that; the API rather fails. */
  readonly maxRetriesPerRequest: number | null;
  readonly retryStrategy: (times: number) => number;
}

/**
 * Parses an address to connection options.
 * @param address `redis://[user:password@]host[:port][/db]`, `rediss://...`, or the absolute path of a unix socket
 * @param patience `wait` (workers): commands wait for Redis to come back; `fail` (API): they fail after a few reconnects
 * @throws TriageError `config-invalid`
 */
export function redisEndpoint(address: string, patience: 'wait' | 'fail' = 'wait'): RedisEndpoint {
  const common = { maxRetriesPerRequest: patience === 'wait' ? null : 3, retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1_000) };
  const path = address.replace(/^unix:(\/\/)?/, '');
  if (path.startsWith('/')) return { path, ...common };
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '')
    throw new TriageError(
      'config-invalid',
      'the Redis address is neither redis://host:port, rediss://host:port nor an absolute socket path: set REDIS_URL',
    );
  const db = Number(url.pathname.slice(1) || '0');
  if (!Number.isInteger(db)) throw new TriageError('config-invalid', 'the path of REDIS_URL must be a database number, such as /0');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || '6379'),
    db,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    ...common,
  };
}

/** Opens a connection of our own (scripts, reads, subscriptions). The caller ends it with `disconnect()`; connection errors go to `onError`. */
export function connectRedis(endpoint: RedisEndpoint, onError: (error: Error) => void = () => undefined): Redis {
  const redis = new Redis({ ...endpoint });
  redis.on('error', onError);
  return redis;
}

/**
 * Refuses a Redis that may forget: an evicting one, or one without append-only file.
 * @throws TriageError `config-invalid` that says what to set, `redis-unavailable`
 */
export async function assertDurable(redis: Redis): Promise<void> {
  const info = `${await ask(redis, 'memory')}\n${await ask(redis, 'persistence')}`;
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy !== 'noeviction')
    throw new TriageError(
      'config-invalid',
      `Redis may throw evidence records away (maxmemory-policy is ${policy ?? 'unknown'}): set maxmemory-policy noeviction`,
    );
  if (!/^aof_enabled:1/m.test(info))
    throw new TriageError('config-invalid', 'Redis would lose custody in a crash (append-only file is off): set appendonly yes');
}

async function ask(redis: Redis, section: string): Promise<string> {
  try {
    return await redis.info(section);
  } catch (cause) {
    throw asTriageError(cause, 'redis-unavailable', 'Redis did not answer INFO; check REDIS_URL');
  }
}
