import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NewKey, RedisApiKeys } from '../../../store/api-keys.js';
import { ensureLocalKey } from '../../../store/api-keys-local.js';
import { CustodyWriter } from '../../../store/custody.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../store/embedded-redis.js';
import { keysOf } from '../../../store/keys.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openSigner } from '../../../store/signing-key.js';

const prefix = '{test}';
const alerts: string[] = [];
let server: EmbeddedRedis;
let redis: Redis;
let texts: SignedTexts;
let custody: CustodyWriter;
let keys: RedisApiKeys;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-keys-'));
  file = join(folder, 'api-key');
  server = await startEmbeddedRedis({ dataDir: folder });
  redis = new Redis({ path: server.address });
  const signer = await openSigner(join(folder, 'keys'), 'api');
  texts = new SignedTexts(signer, keyRing(join(folder, 'keys')), ({ message }) => alerts.push(message));
  custody = new CustodyWriter(redis, keysOf(prefix), signer, 'api');
  keys = new RedisApiKeys(redis, keysOf(prefix), texts, custody);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  await rm(folder, { recursive: true });
});
afterEach(() => vi.useRealTimers());
beforeEach(async () => {
  await redis.flushall();
  await rm(file, { force: true });
});

const admin: NewKey = { name: 'soc', scopes: ['admin'], reach: 'all' };
const bounded: NewKey = { name: 'shop', scopes: ['runs:read'], reach: [{ cluster: 'default', namespace: 'shop' }] };
const by = 'key:0000000000000001';
const secretIn = async () => (await readFile(file, 'utf8')).trim();

describe('API keys', () => {
  it('knows the holder of a key that it made, and keeps only a hash', async () => {
    const { secret, id } = await keys.create(bounded, by);
    expect(await keys.verify(secret)).toEqual({ id, ...bounded });
    expect(JSON.stringify(await redis.hgetall(`${prefix}:api-keys`))).not.toContain(secret.slice(-43));
  });

  it('knows no other secret, not even one with the id of a key', async () => {
    const { id, secret } = await keys.create(admin, by);
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
    const record = {
      name: 'soc',
      sha256: createHash('sha256').update(secret).digest('hex'),
      createdAt: new Date().toISOString(),
      createdBy: by,
      scopes: ['admin'],
      reach: 'all',
    };
    const worker = new SignedTexts(await openSigner(join(folder, 'keys'), 'worker'), keyRing(join(folder, 'keys')), () => undefined);
    const elsewhere = texts.sign({ purpose: 'api-key', about: '1'.repeat(16) }, record);
    for (const forged of [JSON.stringify(record), worker.sign({ purpose: 'api-key', about: '0'.repeat(16) }, record), elsewhere]) {
      alerts.length = 0;
      await redis.hset(`${prefix}:api-keys`, '0'.repeat(16), forged);
      expect(await keys.verify(secret)).toBeUndefined();
      expect(alerts).toHaveLength(1);
    }
  });

  it('makes no admin who reaches less than all, and no key that is over', async () => {
    await expect(keys.create({ ...admin, reach: bounded.reach }, by)).rejects.toMatchObject({ code: 'invalid-request' });
    await expect(keys.create({ ...bounded, expiresAt: new Date(Date.now() - 1) }, by)).rejects.toMatchObject({ code: 'invalid-request' });
    expect(await keys.list()).toEqual([]);
  });

  it('knows a key until it expires, and says then that it has', async () => {
    const { secret } = await keys.create({ ...bounded, expiresAt: new Date(Date.now() + 60_000) }, by);
    expect(await keys.verify(secret)).toBeDefined();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    await expect(keys.verify(secret)).rejects.toMatchObject({ code: 'unauthorized' });
    // Only its holder is told.
    expect(await keys.verify(`${secret.slice(0, -1)}${secret.endsWith('A') ? 'E' : 'A'}`)).toBeUndefined();
  });

  it('lists keys with who made them and when they were last used, and without anything of a secret', async () => {
    const first = await keys.create(bounded, by);
    const second = await keys.create(admin, by);
    await keys.verify(first.secret);
    const listed = await keys.list();
    expect(listed.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    const used = listed.find(({ id }) => id === first.id)!;
    expect(used).toMatchObject({ ...bounded, createdBy: by });
    expect(Date.now() - Date.parse(used.lastUsedAt!)).toBeLessThan(60_000);
    expect({ ...listed.find(({ id }) => id === second.id), secret: second.secret }).toEqual(second);
    expect(JSON.stringify(listed)).not.toContain(createHash('sha256').update(first.secret).digest('hex'));
  });

  it('writes the last use at most once a minute', async () => {
    const { secret, id } = await keys.create(bounded, by);
    await keys.verify(secret);
    await redis.hdel(`${prefix}:api-key-uses`, id);
    await keys.verify(secret);
    expect((await keys.list())[0]).not.toHaveProperty('lastUsedAt');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    await keys.verify(secret);
    expect((await keys.list())[0]).toHaveProperty('lastUsedAt');
  });

  it('believes no time of last use that is none', async () => {
    const { id } = await keys.create(bounded, by);
    await redis.hset(`${prefix}:api-key-uses`, id, '\x1b[2Jyesterday');
    expect((await keys.list())[0]).not.toHaveProperty('lastUsedAt');
  });

  it('takes a key away, and only that', async () => {
    const gone = await keys.create(bounded, by);
    const other = await keys.create(bounded, by);
    await keys.revoke(gone.id, by);
    expect(await keys.verify(gone.secret)).toBeUndefined();
    expect(await keys.verify(other.secret)).toBeDefined();
    await expect(keys.revoke(gone.id, by)).rejects.toMatchObject({ code: 'not-found' });
    await expect(keys.rotate(gone.id, { graceSeconds: 0 }, by)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is redis-unavailable when Redis is not there', async () => {
    const away = new Redis({ path: join(folder, 'none.sock'), lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    away.on('error', () => undefined);
    await expect(new RedisApiKeys(away, keysOf(prefix), texts, custody).verify(`pt_${'0'.repeat(16)}_${'a'.repeat(43)}`)).rejects.toMatchObject({
      code: 'redis-unavailable',
    });
  });
});

describe('rotation', () => {
  it('gives a new secret under the same id; the old one lives for its grace time', async () => {
    const { secret: old, id } = await keys.create(bounded, by);
    const { secret, ...view } = await keys.rotate(id, { graceSeconds: 60 }, 'key:other');
    expect(view).toMatchObject({ id, ...bounded, createdBy: by, rotated: { by: 'key:other' } });
    expect(await keys.verify(secret)).toEqual({ id, ...bounded });
    expect(await keys.verify(old)).toEqual({ id, ...bounded });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    expect(await keys.verify(old)).toBeUndefined();
    expect(await keys.verify(secret)).toBeDefined();
  });

  it('without grace ends the old secret at once, and a second one ends the oldest', async () => {
    const { secret: first, id } = await keys.create(bounded, by);
    const { secret: second } = await keys.rotate(id, { graceSeconds: 60 }, by);
    const { secret: third } = await keys.rotate(id, { graceSeconds: 60 }, by);
    expect(await Promise.all([first, second, third].map(async (each) => (await keys.verify(each)) !== undefined))).toEqual([false, true, true]);
    const { secret: fourth } = await keys.rotate(id, { graceSeconds: 0 }, by);
    expect(await Promise.all([third, fourth].map(async (each) => (await keys.verify(each)) !== undefined))).toEqual([false, true]);
  });

  it('keeps the end of a key, or moves it', async () => {
    const expiresAt = new Date(Date.now() + 60_000);
    const { id } = await keys.create({ ...bounded, expiresAt }, by);
    expect(await keys.rotate(id, { graceSeconds: 0 }, by)).toHaveProperty('expiresAt', expiresAt.toISOString());
    const later = new Date(Date.now() + 120_000);
    expect(await keys.rotate(id, { graceSeconds: 0, expiresAt: later }, by)).toHaveProperty('expiresAt', later.toISOString());
  });

  it('done by several at once leaves one secret that works, and tells the others', async () => {
    const { id } = await keys.create(bounded, by);
    const done = await Promise.allSettled(Array.from({ length: 8 }, () => keys.rotate(id, { graceSeconds: 0 }, by)));
    const won = done.filter((each) => each.status === 'fulfilled');
    expect(won.length).toBeGreaterThan(0);
    for (const each of done) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'conflict' });
    const works = await Promise.all(won.map(async ({ value }) => (await keys.verify(value.secret)) !== undefined));
    expect(works.filter((each) => each)).toHaveLength(1);
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
    const other = await keys.create(admin, by);
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

  it('is made anew when it has expired', async () => {
    const { id } = await ensureLocalKey(keys, file);
    const { secret } = await keys.rotate(id, { graceSeconds: 0, expiresAt: new Date(Date.now() + 60_000) }, by);
    await writeFile(file, secret);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    const made = await ensureLocalKey(keys, file);
    expect(made.id).not.toBe(id);
    expect(await keys.verify(await secretIn())).toEqual(made);
  });

  it('is made private again when others can read it', async () => {
    await ensureLocalKey(keys, file);
    await chmod(file, 0o644);
    await ensureLocalKey(keys, file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});
