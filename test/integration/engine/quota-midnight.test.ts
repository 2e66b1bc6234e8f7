import { afterEach, beforeEach, expect, test } from 'vitest';
import { QuotaLedger } from '../../../store/quota.js';
import { MovedClock } from '../../support/moved-clock.js';
import { Engine } from './engine.js';
import { RedisChild } from './redis-child.js';

const minute = 60_000;
const limits = { perMinute: 100, perDay: 10, perMonth: 1_000, interactiveShare: 0 };
let clock: MovedClock;
let server: RedisChild;
let engine: Engine;
let quota: QuotaLedger;

/** Ten minutes before a day ends. */
beforeEach(async () => {
  clock = new MovedClock(Date.parse('2026-03-30T23:50:00Z'));
  server = await RedisChild.start(clock.environment);
  engine = await Engine.create(server);
  quota = new QuotaLedger(engine.redis, engine.keys, 'k1', limits);
  await quota.answered();
});
afterEach(async () => {
  await engine.stop();
  await server.stop();
  clock.remove();
});

/** How many of so many requests are granted. */
async function spend(times: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: times }, () => quota.reserve(true)));
  return all.filter(({ granted }) => granted).length;
}

async function used(): Promise<{ day: number; month: number }> {
  const { day, month } = (await quota.state()).used;
  return { day, month };
}

test('what is spent while it may be the next day at the source counts on both days', async () => {
  expect(await spend(3)).toBe(3);
  clock.move(10.5 * minute);
  // The ledger's day has not ended, and the source's has.
  expect(await spend(4)).toBe(4);
  expect(await used()).toEqual({ day: 7, month: 7 });
  clock.move(minute);
  expect(await used()).toEqual({ day: 4, month: 7 });
  expect(await spend(20)).toBe(6);
});

test('the same holds for the source whose clock is ahead, and for months', async () => {
  clock.move(24 * 60 * minute + 9.5 * minute);
  expect(new Date(clock.now()).toISOString()).toMatch(/^2026-03-31T23:59:3/);
  expect(await spend(2)).toBe(2);
  clock.move(minute);
  expect(await spend(3)).toBe(3);
  clock.move(minute);
  expect(await used()).toEqual({ day: 5, month: 5 });
  expect(await spend(20)).toBe(5);
  expect(await used()).toEqual({ day: 10, month: 10 });
});

test('no later day or month counts it', async () => {
  clock.move(10.5 * minute);
  expect(await spend(4)).toBe(4);
  clock.move(24 * 60 * minute + minute);
  expect(await used()).toEqual({ day: 0, month: 0 });
});
