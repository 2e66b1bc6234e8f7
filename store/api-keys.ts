import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Reach, reachSchema, type Scope, scopes } from '../playbooks/domain/access.js';
import { ofRedis } from './of-redis.js';
import type { SignedTexts, TextPlace } from './signed-text.js';

/** Who holds a key. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly reach: Reach;
}

/** Checks API keys. */
export interface ApiKeys {
  /** The holder, or undefined for a secret that is not known. Throws `redis-unavailable`. */
  verify(secret: string): Promise<ApiKey | undefined>;
}

/** `pt_<id>_<secret>`: the id finds the record, so that the comparison itself can take the same time for all. */
const shape = /^pt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

const recordSchema = z.object({
  name: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
  scopes: z.array(z.enum(scopes)).readonly(),
  reach: reachSchema,
});
type ApiKeyRecord = z.output<typeof recordSchema>;

/**
 * API keys in Redis: only their sha256 is kept (HASH `<prefix>:api-keys`, id -> record), signed by an API. Who can write there could else make
 * himself a key, and have any run requested and signed.
 */
export class RedisApiKeys implements ApiKeys {
  private readonly key: string;

  constructor(
    private readonly redis: Redis,
    prefix: string,
    private readonly texts: SignedTexts,
  ) {
    this.key = `${prefix}:api-keys`;
  }

  async verify(secret: string): Promise<ApiKey | undefined> {
    const id = shape.exec(secret)?.[1];
    if (id === undefined) return undefined;
    const record = await this.record(id, await ofRedis(() => this.redis.hget(this.key, id)));
    if (record === undefined) return undefined;
    const same = timingSafeEqual(digest(secret), Buffer.from(record.sha256, 'hex'));
    return same ? { id, name: record.name, scopes: record.scopes, reach: record.reach } : undefined;
  }

  /** Makes a key and returns its secret: the only time that it can be seen. Throws `redis-unavailable`. */
  async create(
    name: string,
    rights: Pick<ApiKey, 'scopes' | 'reach'> = { scopes: ['admin'], reach: 'all' },
  ): Promise<ApiKey & { readonly secret: string }> {
    const id = randomBytes(8).toString('hex');
    const secret = `pt_${id}_${randomBytes(32).toString('base64url')}`;
    const record: ApiKeyRecord = { name, sha256: digest(secret).toString('hex'), createdAt: new Date().toISOString(), ...rights };
    await ofRedis(() => this.redis.hset(this.key, id, this.texts.sign(placeOf(id), record)));
    return { id, name, ...rights, secret };
  }

  /** Takes all keys of this name away. Throws `redis-unavailable`. */
  async revoke(name: string): Promise<void> {
    const ids: string[] = [];
    for (const [id, text] of Object.entries(await ofRedis(() => this.redis.hgetall(this.key))))
      if ((await this.record(id, text))?.name === name) ids.push(id);
    if (ids.length > 0) await ofRedis(() => this.redis.hdel(this.key, ...ids));
  }

  private record(id: string, text: string | null): Promise<ApiKeyRecord | undefined> {
    return this.texts.read(placeOf(id), recordSchema, text, () => ofRedis(() => this.redis.hdel(this.key, id)));
  }
}

/**
 * Sees to it that `file` (mode 0600) holds a key that works. Makes a new one when file or record is missing;
 * the key that it replaces works no longer. Throws `redis-unavailable` and the errors of the file system.
 */
export async function ensureLocalKey(keys: RedisApiKeys, file: string): Promise<ApiKey> {
  const secret = await readSecret(file);
  const holder = secret === undefined ? undefined : await keys.verify(secret);
  if (holder !== undefined) {
    await chmod(file, 0o600);
    return holder;
  }
  const name = `local ${hostname()} ${file}`;
  await keys.revoke(name);
  const made = await keys.create(name);
  const draft = `${file}.${made.id}`;
  await writeFile(draft, `${made.secret}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
  return { id: made.id, name, scopes: made.scopes, reach: made.reach };
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function placeOf(id: string): TextPlace {
  return { purpose: 'api-key', about: id };
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
