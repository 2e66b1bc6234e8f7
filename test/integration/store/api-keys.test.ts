import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureLocalKey, RedisApiKeys } from '../../../store/api-keys.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../store/embedded-redis.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openSigner } from '../../../store/signing-key.js';

const prefix = '{test}';
const alerts: string[] = [];
let server: EmbeddedRedis;
let redis: Redis;
let texts: SignedTexts;
let keys: RedisApiKeys;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-keys-'));
  file = join(folder, 'api-key');
  server = await startEmbeddedRedis({ dataDir: folder });
  redis = new Redis({ path: server.address });
  texts = new SignedTexts(await openSigner(join(folder, 'keys'), 'api'), keyRing(join(folder, 'keys')), ({ message }) => alerts.push(message));
  keys = new RedisApiKeys(redis, prefix, texts);
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
    const { secret, ...key } = await keys.create('soc');
    expect(await keys.verify(secret)).toEqual({ ...key, name: 'soc' });
    expect(JSON.stringify(await redis.hgetall(`${prefix}:api-keys`))).not.toContain(secret.slice(-43));
  });

  it('knows no other secret, not even one with the id of a key', async () => {
    const { id, secret } = await keys.create('soc');
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

  it('does not believe a key that somebody has written into Redis', async () => {
    const secret = `pt_${'0'.repeat(16)}_${'a'.repeat(43)}`;
    const record = { name: 'soc', sha256: createHash('sha256').update(secret).digest('hex'), createdAt: new Date().toISOString() };
    const worker = new SignedTexts(await openSigner(join(folder, 'keys'), 'worker'), keyRing(join(folder, 'keys')), () => undefined);
    const elsewhere = texts.sign({ purpose: 'api-key', about: '1'.repeat(16) }, record);
    for (const forged of [JSON.stringify(record), worker.sign({ purpose: 'api-key', about: '0'.repeat(16) }, record), elsewhere]) {
      alerts.length = 0;
      await redis.hset(`${prefix}:api-keys`, '0'.repeat(16), forged);
      expect(await keys.verify(secret)).toBeUndefined();
      expect(alerts).toHaveLength(1);
    }
  });

  it('is redis-unavailable when Redis is not there', async () => {
    const away = new Redis({ path: join(folder, 'none.sock'), lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    away.on('error', () => undefined);
    await expect(new RedisApiKeys(away, prefix, texts).verify(`pt_${'0'.repeat(16)}_${'a'.repeat(43)}`)).rejects.toMatchObject({
      code: 'redis-unavailable',
    });
  });
});

describe('the local key', () => {
  it('is made once and works, for its owner only', async () => {
    const made = await ensureLocalKey(keys, file);
    const secret = await secretIn();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await keys.verify(secret)).toEqual(made);
    expect(await ensureLocalKey(keys, file)).toEqual(made);
    expect(await secretIn()).toBe(secret);
  });

  it('is made anew when its file is lost, and the lost one works no longer', async () => {
    await ensureLocalKey(keys, file);
    const lost = await secretIn();
    const other = await keys.create('soc');
    await rm(file);
    await ensureLocalKey(keys, file);
    expect(await keys.verify(await secretIn())).toBeDefined();
    expect(await keys.verify(lost)).toBeUndefined();
    expect(await keys.verify(other.secret)).toBeDefined();
  });

  it('is made anew when its record is lost or its file holds something else', async () => {
    await ensureLocalKey(keys, file);
    await redis.flushall();
    await ensureLocalKey(keys, file);
    expect(await keys.verify(await secretIn())).toBeDefined();
    await writeFile(file, 'nonsense');
    await ensureLocalKey(keys, file);
    expect(await keys.verify(await secretIn())).toBeDefined();
  });

  it('is made private again when others can read it', async () => {
    await ensureLocalKey(keys, file);
    await chmod(file, 0o644);
    await ensureLocalKey(keys, file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});
