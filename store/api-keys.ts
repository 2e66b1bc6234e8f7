import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { asTriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';

/** Who holds a key. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
}

/** Checks API keys. */
export interface ApiKeys {
  /** The holder, or undefined for a secret that is not known. Throws `redis-unavailable`. */
  verify(secret: string): Promise<ApiKey | undefined>;
}

/** `pt_<id>_<secret>`: the id finds the record, so that the comparison itself can take the same time for all. */
const shape = /^pt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

const recordSchema = z.object({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/), createdAt: z.iso.datetime() });

/** API keys in Redis: only their sha256 is kept (HASH `<prefix>:api-keys`, id -> record). */
export function redisApiKeys(redis: Redis, prefix: string): ApiKeys {
  return {
    async verify(secret) {
      const id = shape.exec(secret)?.[1];
      if (id === undefined) return undefined;
      const record = recordSchema.safeParse(parseJson((await reach(redis.hget(keyOf(prefix), id))) ?? ''));
      if (!record.success) return undefined;
      const same = timingSafeEqual(digest(secret), Buffer.from(record.data.sha256, 'hex'));
      return same ? { id, name: record.data.name } : undefined;
    },
  };
}

/** Makes a key and returns its secret: the only time that it can be seen. Throws `redis-unavailable`. */
export async function createApiKey(redis: Redis, prefix: string, name: string): Promise<ApiKey & { readonly secret: string }> {
  const id = randomBytes(8).toString('hex');
  const secret = `pt_${id}_${randomBytes(32).toString('base64url')}`;
  const record = { name, sha256: digest(secret).toString('hex'), createdAt: new Date().toISOString() };
  await reach(redis.hset(keyOf(prefix), id, JSON.stringify(record)));
  return { id, name, secret };
}

/**
 * Sees to it that `file` (mode 0600) holds a key that works. Makes a new one when file or record is missing;
 * the key that it replaces works no longer. Throws `redis-unavailable` and the errors of the file system.
 */
export async function ensureLocalKey(redis: Redis, prefix: string, file: string): Promise<ApiKey> {
  const secret = await readSecret(file);
  const holder = secret === undefined ? undefined : await redisApiKeys(redis, prefix).verify(secret);
  if (holder !== undefined) {
    await chmod(file, 0o600);
    return holder;
  }
  const name = `local ${hostname()} ${file}`;
  await revoke(redis, prefix, name);
  const made = await createApiKey(redis, prefix, name);
  const draft = `${file}.${made.id}`;
  await writeFile(draft, `${made.secret}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
  return { id: made.id, name };
}

async function revoke(redis: Redis, prefix: string, name: string): Promise<void> {
  const records = await reach(redis.hgetall(keyOf(prefix)));
  const ids = Object.entries(records).flatMap(([id, text]) => (recordSchema.safeParse(parseJson(text)).data?.name === name ? [id] : []));
  if (ids.length > 0) await reach(redis.hdel(keyOf(prefix), ...ids));
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function keyOf(prefix: string): string {
  return `${prefix}:api-keys`;
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

async function reach<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw asTriageError(error, 'redis-unavailable', 'Redis does not answer');
  }
}
