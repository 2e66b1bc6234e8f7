import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiKey, ensureLocalKey, redisApiKeys } from '../../../store/api-keys.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../store/embedded-redis.js';

const prefix = '{test}';
let server: EmbeddedRedis;
let redis: Redis;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-keys-'));
  file = join(folder, 'api-key');
  server = await startEmbeddedRedis({ dataDir: folder });
  redis = new Redis({ path: server.address });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
  await rm(file, { force: true });
});

const secretIn = async () => (await readFile(file, 'utf8')).trim();

describe('API keys', () => {
  it('knows the holder of a key that it made, and keeps only a hash', async () => {
    const { secret, ...key } = await createApiKey(redis, prefix, 'soc');
    expect(await redisApiKeys(redis, prefix).verify(secret)).toEqual({ ...key, name: 'soc' });
    expect(JSON.stringify(await redis.hgetall(`${prefix}:api-keys`))).not.toContain(secret.slice(-43));
  });

  it('knows no other secret, not even one with the id of a key', async () => {
    const { id, secret } = await createApiKey(redis, prefix, 'soc');
    const keys = redisApiKeys(redis, prefix);
    for (const wrong of [
      '',
      'pt_',
      id,
      `pt_${id}_${'a'.repeat(43)}`,
      `${secret}x`,
      secret.toUpperCase(),
      ` ${secret}`,
      `pt_${'0'.repeat(16)}_${'a'.repeat(43)}`,
    ])
      expect(await keys.verify(wrong)).toBeUndefined();
  });

  it('is redis-unavailable when Redis is not there', async () => {
    const away = new Redis({ path: join(folder, 'none.sock'), lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    away.on('error', () => undefined);
    await expect(redisApiKeys(away, prefix).verify(`pt_${'0'.repeat(16)}_${'a'.repeat(43)}`)).rejects.toMatchObject({ code: 'redis-unavailable' });
  });
});

describe('the local key', () => {
  it('is made once and works, for its owner only', async () => {
    const made = await ensureLocalKey(redis, prefix, file);
    const secret = await secretIn();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await redisApiKeys(redis, prefix).verify(secret)).toEqual(made);
    expect(await ensureLocalKey(redis, prefix, file)).toEqual(made);
    expect(await secretIn()).toBe(secret);
  });

  it('is made anew when its file is lost, and the lost one works no longer', async () => {
    await ensureLocalKey(redis, prefix, file);
    const lost = await secretIn();
    const other = await createApiKey(redis, prefix, 'soc');
    await rm(file);
    await ensureLocalKey(redis, prefix, file);
    const keys = redisApiKeys(redis, prefix);
    expect(await keys.verify(await secretIn())).toBeDefined();
    expect(await keys.verify(lost)).toBeUndefined();
    expect(await keys.verify(other.secret)).toBeDefined();
  });

  it('is made anew when its record is lost or its file holds something else', async () => {
    await ensureLocalKey(redis, prefix, file);
    await redis.flushall();
    await ensureLocalKey(redis, prefix, file);
    expect(await redisApiKeys(redis, prefix).verify(await secretIn())).toBeDefined();
    await writeFile(file, 'nonsense');
    await ensureLocalKey(redis, prefix, file);
    expect(await redisApiKeys(redis, prefix).verify(await secretIn())).toBeDefined();
  });

  it('is made private again when others can read it', async () => {
    await ensureLocalKey(redis, prefix, file);
    await chmod(file, 0o644);
    await ensureLocalKey(redis, prefix, file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});
