import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../store/embedded-redis.js';
import { RedisGuesses } from '../../../store/guesses.js';
import { keysOf } from '../../../store/keys.js';

const keys = keysOf('{test}');
let server: EmbeddedRedis;
let redis: Redis;
let folder: string;
let guesses: RedisGuesses;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-guesses-'));
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
  guesses = new RedisGuesses(redis, keys);
});

async function guess(source: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await guesses.wrong(source);
}

/** How many of so many credentials are looked at. */
async function looked(source: string, tries: number, claimed?: string): Promise<number> {
  let count = 0;
  for (let time = 0; time < tries; time++) count += Number((await guesses.standing(source, claimed)).look);
  return count;
}

describe('who guesses', () => {
  it('is looked at 20 times a minute, and then once in ten times, with the time to wait', async () => {
    await guess('10.0.0.1', 19);
    expect(await guesses.standing('10.0.0.1', undefined)).toEqual({ look: true });
    await guess('10.0.0.1', 1);
    const { look, slowedMs } = await guesses.standing('10.0.0.1', undefined);
    expect(look).toBe(false);
    expect(slowedMs).toBeGreaterThan(0);
    expect(slowedMs).toBeLessThanOrEqual(60_000);
    expect(await looked('10.0.0.1', 100)).toBe(10);
  });

  it('slows down nobody at another address', async () => {
    await guess('10.0.0.1', 50);
    expect(await looked('10.0.0.2', 10)).toBe(10);
  });

  it('is free again when the minute is over', async () => {
    await guess('10.0.0.1', 20);
    const { wrong, held } = keys.guesses('10.0.0.1');
    for (const key of [wrong, keys.allGuesses]) expect(await redis.pttl(key)).toBeGreaterThan(50_000);
    await guesses.standing('10.0.0.1', undefined);
    expect(await redis.pttl(held)).toBeGreaterThan(50_000);
    await redis.del(wrong);
    expect(await guesses.standing('10.0.0.1', undefined)).toEqual({ look: true });
  });

  it('does not get a longer wait by trying on', async () => {
    await guess('10.0.0.1', 20);
    await redis.pexpire(keys.guesses('10.0.0.1').wrong, 1_000);
    await guess('10.0.0.1', 5);
    expect(await redis.pttl(keys.guesses('10.0.0.1').wrong)).toBeLessThanOrEqual(1_000);
  });

  it('from very many addresses is slowed down at each from the first wrong one on', async () => {
    await redis.set(keys.allGuesses, 1_000, 'PX', 60_000);
    expect(await guesses.standing('10.0.0.1', undefined)).toEqual({ look: true });
    await guess('10.0.0.1', 1);
    expect((await guesses.standing('10.0.0.1', undefined)).look).toBe(false);
  });
});

describe('who was right from an address', () => {
  it('is looked at while a guesser there is slowed down, and is told when he is wrong then', async () => {
    await guesses.right('10.0.0.1', '0123456789abcdef');
    await guess('10.0.0.1', 20);
    expect(await looked('10.0.0.1', 30, '0123456789abcdef')).toBe(30);
    expect((await guesses.standing('10.0.0.1', '0123456789abcdef')).slowedMs).toBeGreaterThan(0);
    expect(await looked('10.0.0.1', 10, 'fedcba9876543210')).toBe(1);
    expect(await redis.ttl(keys.guesses('10.0.0.1').right)).toBeGreaterThan(86_000);
  });
});
