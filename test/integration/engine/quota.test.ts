import { expect, test } from 'vitest';
import { QuotaLedger, type QuotaLimits } from '../../../store/quota.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const wide: QuotaLimits = { perMinute: 1_000, perDay: 1_000, perMonth: 1_000, interactiveShare: 0 };

function ledger(limits: Partial<QuotaLimits>, windowMs?: number): QuotaLedger {
  return new QuotaLedger(engine().redis, engine().keys, { ...wide, ...limits }, windowMs, [200, 400]);
}

async function reserve(quota: QuotaLedger, times: number, interactive = true): Promise<number> {
  const all = await Promise.all(Array.from({ length: times }, () => quota.reserve(interactive)));
  return all.filter(({ granted }) => granted).length;
}

test('many at once get no more than the window allows, and the rest is told how long to wait', async () => {
  const quota = ledger({ perMinute: 4 });
  expect(await reserve(quota, 50)).toBe(4);
  const refused = await quota.reserve(true);
  expect(refused).toMatchObject({ granted: false, why: 'burst' });
  expect(!refused.granted && refused.waitMs > 60_000 && refused.waitMs <= 66_000).toBe(true);
  expect(await quota.view()).toMatchObject({ used: { minute: 4, day: 4, month: 4 }, left: { minute: 0, day: 996, month: 996 } });
});

test('no sliding window ever holds more than its limit', async () => {
  const quota = ledger({ perMinute: 3 }, 300);
  const times: { before: number; after: number }[] = [];
  for (const end = Date.now() + 1_500; Date.now() < end; ) {
    const before = Date.now();
    if ((await quota.reserve(true)).granted) times.push({ before, after: Date.now() });
  }
  expect(times.length).toBeGreaterThan(3);
  // Redis' time of a reservation lies between before and after the call; it counts whole milliseconds.
  times.slice(3).forEach(({ after }, index) => expect(after - times[index]!.before).toBeGreaterThanOrEqual(299));
});

test('day and month close the ledger until they are over; a refusal spends nothing', async () => {
  expect(await reserve(ledger({ perDay: 5 }), 20)).toBe(5);
  const day = await ledger({ perDay: 5 }).reserve(true);
  expect(day).toMatchObject({ granted: false, why: 'day' });
  expect(!day.granted && day.waitMs <= 86_460_000).toBe(true);
  const month = await ledger({ perMonth: 5 }).reserve(true);
  expect(month).toMatchObject({ granted: false, why: 'month' });
  expect(!month.granted && month.waitMs <= 31 * 86_400_000 + 60_000).toBe(true);
  expect((await ledger({}).view()).used).toMatchObject({ day: 5, month: 5 });
});

test('the wait for the next month ends on its first day, UTC, one minute late', async () => {
  await reserve(ledger({ perMonth: 1 }), 1);
  const refused = await ledger({ perMonth: 1 }).reserve(true);
  const opens = new Date(Date.now() + (refused.granted ? 0 : refused.waitMs));
  const rounded = new Date(Math.round(opens.getTime() / 1_000) * 1_000).toISOString();
  expect(rounded).toMatch(/-01T00:01:00.000Z$/);
});

test('a new day and a new month start from nothing', async () => {
  const quota = ledger({ perDay: 5, perMonth: 5 });
  await reserve(quota, 5);
  await engine().redis.hset(engine().keys.ledger, 'day', '1', 'month', '197001');
  expect((await quota.view()).used).toMatchObject({ day: 0, month: 0 });
  expect(await reserve(quota, 9)).toBe(5);
});

test('a share of the day is kept for interactive work', async () => {
  const quota = ledger({ perDay: 10, interactiveShare: 0.2 });
  expect(await reserve(quota, 20, false)).toBe(8);
  expect(await reserve(quota, 20, true)).toBe(2);
});

test('a refusal by the source closes the ledger, longer each time, until it answers again', async () => {
  const quota = ledger({});
  expect(await quota.block()).toBe(200);
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'blocked' });
  await expect.poll(async () => (await quota.reserve(true)).granted).toBe(true);
  expect(await quota.block()).toBe(400);
  await expect.poll(async () => (await quota.reserve(true)).granted).toBe(true);
  await quota.answered();
  expect(await quota.block()).toBe(200);
});
