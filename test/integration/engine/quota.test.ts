import { expect, test } from 'vitest';
import { type LedgerTimes, QuotaLedger, type QuotaLimits } from '../../../store/quota.js';
import { QuotaKeys, quotaStates } from '../../../store/quota-keys.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const wide: QuotaLimits = { perMinute: 1_000, perDay: 1_000, perMonth: 1_000, interactiveShare: 0 };

const times = { blocksMs: [200, 400], unauthorizedMs: 300, tryMs: 400, lookAgainMs: 50 };

/** A ledger whose key the source has answered before. */
async function ledger(limits: Partial<QuotaLimits>, more: LedgerTimes = {}): Promise<QuotaLedger> {
  const quota = new QuotaLedger(engine().redis, engine().keys, 'k1', { ...wide, ...limits }, { ...times, ...more });
  await quota.answered();
  return quota;
}

async function reserve(quota: QuotaLedger, times: number, interactive = true): Promise<number> {
  const all = await Promise.all(Array.from({ length: times }, () => quota.reserve(interactive)));
  return all.filter(({ granted }) => granted).length;
}

test('many at once get no more than the window allows, and the rest is told how long to wait', async () => {
  const quota = await ledger({ perMinute: 4 });
  expect(await reserve(quota, 50)).toBe(4);
  const refused = await quota.reserve(true);
  expect(refused).toMatchObject({ granted: false, why: 'burst' });
  expect(!refused.granted && refused.waitMs > 60_000 && refused.waitMs <= 66_000).toBe(true);
  expect(await quota.state()).toMatchObject({ used: { minute: 4, day: 4, month: 4 }, limits: { minute: 4, day: 1_000, month: 1_000 }, why: 'burst' });
});

test('no sliding window ever holds more than its limit', async () => {
  const quota = await ledger({ perMinute: 3 }, { windowMs: 300 });
  const grants: { before: number; after: number }[] = [];
  for (const end = Date.now() + 1_500; Date.now() < end; ) {
    const before = Date.now();
    if ((await quota.reserve(true)).granted) grants.push({ before, after: Date.now() });
  }
  expect(grants.length).toBeGreaterThan(3);
  // Redis' time of a reservation lies between before and after the call; it counts whole milliseconds.
  grants.slice(3).forEach(({ after }, index) => expect(after - grants[index]!.before).toBeGreaterThanOrEqual(299));
});

test('day and month close the ledger until they are over; a refusal spends nothing', async () => {
  expect(await reserve(await ledger({ perDay: 5 }), 20)).toBe(5);
  const day = await (await ledger({ perDay: 5 })).reserve(true);
  expect(day).toMatchObject({ granted: false, why: 'day' });
  expect(!day.granted && day.waitMs <= 86_460_000).toBe(true);
  const month = await (await ledger({ perMonth: 5 })).reserve(true);
  expect(month).toMatchObject({ granted: false, why: 'month' });
  expect(!month.granted && month.waitMs <= 31 * 86_400_000 + 60_000).toBe(true);
  expect((await (await ledger({})).state()).used).toMatchObject({ day: 5, month: 5 });
});

test('the wait for the next month ends on its first day, UTC, one minute late', async () => {
  await reserve(await ledger({ perMonth: 1 }), 1);
  const refused = await (await ledger({ perMonth: 1 })).reserve(true);
  const opens = new Date(Date.now() + (refused.granted ? 0 : refused.waitMs));
  const rounded = new Date(Math.round(opens.getTime() / 1_000) * 1_000).toISOString();
  expect(rounded).toMatch(/-01T00:01:00.000Z$/);
});

test('a new day and a new month start from nothing', async () => {
  const quota = await ledger({ perDay: 5, perMonth: 5 });
  await reserve(quota, 5);
  await engine().redis.hset(engine().keys.ledger('k1'), 'day', '1', 'month', '197001');
  expect((await quota.state()).used).toMatchObject({ day: 0, month: 0 });
  expect(await reserve(quota, 9)).toBe(5);
});

test('a share of the day is kept for interactive work', async () => {
  const quota = await ledger({ perDay: 10, interactiveShare: 0.2 });
  expect(await reserve(quota, 20, false)).toBe(8);
  expect(await reserve(quota, 20, true)).toBe(2);
});

test('a refusal by the source closes the ledger, longer each time, until it answers again', async () => {
  const quota = await ledger({});
  expect(await quota.block()).toBe(200);
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'blocked' });
  await expect.poll(async () => (await quota.reserve(true)).granted).toBe(true);
  expect(await quota.block()).toBe(400);
  await expect.poll(async () => (await quota.reserve(true)).granted).toBe(true);
  await quota.answered();
  expect(await quota.block()).toBe(200);
});

test('after a refusal one request asks which window it was, and nobody else sends any meanwhile', async () => {
  const quota = await ledger({}, { tryMs: 60_000 });
  await quota.block();
  let first = await quota.reserve(true);
  for (; !first.granted; first = await quota.reserve(true)) expect(first.why).toBe('blocked');
  expect(first.ask).toBe(true);
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'trying', waitMs: 50 });
  await quota.report(first.period, { day: { allowed: 100, used: 7 } });
  expect(await quota.reserve(true)).toMatchObject({ granted: true, ask: false });
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'trying' });
  await quota.answered();
  expect(await reserve(quota, 5)).toBe(5);
});

test('an answer to what was asked before a refusal does not open the ledger', async () => {
  const quota = await ledger({});
  await quota.block();
  await quota.answered();
  await expect.poll(async () => (await quota.reserve(true)).granted).toBe(true);
  expect(await quota.block()).toBe(400);
});

test('a key that was never answered is tried with one request at a time, and with the next when that one is lost', async () => {
  const quota = new QuotaLedger(engine().redis, engine().keys, 'new', wide, times);
  expect(await reserve(quota, 20)).toBe(1);
  await quota.tried();
  expect(await reserve(quota, 20)).toBe(1);
  await expect.poll(async () => (await quota.reserve(true)).granted).toBe(true);
});

test('a key that is not accepted is asked with again only after a while', async () => {
  const quota = await ledger({});
  await quota.refuse('401: no such key');
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'unauthorized' });
  expect(await quota.refusal()).toBe('401: no such key');
  await expect.poll(() => quota.reserve(true)).toMatchObject({ granted: true });
  expect(await reserve(quota, 9)).toBe(0);
});

test('what the source reports counts up and down, but never over what the installation allows', async () => {
  const none = new QuotaLedger(engine().redis, engine().keys, 'k1', {});
  expect((await none.state()).limits).toEqual({ minute: 4, day: 500, month: 15_500 });
  const { period } = (await none.reserve(true)) as { period: { day: number; month: number } };
  await none.report(period, { hour: { allowed: 6_000, used: 0 }, day: { allowed: 20_000, used: 0 }, month: { allowed: 300, used: 0 } });
  expect((await none.state()).limits).toEqual({ minute: 100, day: 20_000, month: 300 });
  const ceilings = new QuotaLedger(engine().redis, engine().keys, 'k1', { perMinute: 10, perDay: 30_000 });
  expect((await ceilings.state()).limits).toEqual({ minute: 10, day: 20_000, month: 300 });
});

test('what was spent elsewhere is taken over, ours is not forgotten, and a day that is over does not close the next', async () => {
  const quota = await ledger({ perDay: 100 });
  await reserve(quota, 10);
  const { period } = (await quota.reserve(true)) as { period: { day: number; month: number } };
  await quota.report(period, { day: { allowed: 100, used: 60 }, month: { allowed: 1_000, used: 3 } });
  expect((await quota.state()).used).toMatchObject({ day: 60, month: 11 });
  await quota.report({ ...period, day: period.day - 1 }, { day: { allowed: 100, used: 100 } });
  expect((await quota.state()).used.day).toBe(60);
  await quota.report(period, { day: { allowed: 100, used: 100 } });
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'day' });
});

test('several keys: the first that grants is used, else the first that will is waited for', async () => {
  const keys = [
    { id: 'a', limits: { perMinute: 2 } },
    { id: 'b', limits: { perMinute: 3, perDay: 3 } },
  ];
  const quota = new QuotaKeys(engine().redis, engine().keys, keys, wide, times);
  await Promise.all(quota.all.map((each) => each.answered()));
  const granted = await Promise.all(Array.from({ length: 9 }, () => quota.reserve(true)));
  expect(granted.flatMap((each) => (each.granted ? [each.key] : [])).sort()).toEqual(['a', 'a', 'b', 'b', 'b']);
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'burst' });
  await quota.of('a').refuse('no');
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'day' });
  await quota.of('b').refuse('no');
  expect(await quota.reserve(true)).toMatchObject({ granted: false, why: 'unauthorized' });
});

test('keys are shown to those who do not have them, until no worker has had them for a day', async () => {
  const { redis, keys } = engine();
  await new QuotaKeys(redis, keys, [{ id: 'mine', limits: { perDay: 7 } }], { perMinute: 3 }).announce('test');
  await redis.hset(keys.quotaKeys, 'old', JSON.stringify({ source: 'test', limits: {}, seenAt: Date.now() - 25 * 3_600_000 }), 'odd', 'nonsense');
  const { source, states } = await quotaStates(redis, keys);
  expect(source).toBe('test');
  expect(states.map(({ key, limits }) => [key, limits])).toEqual([['mine', { minute: 3, day: 7, month: 15_500 }]]);
  expect(await redis.hkeys(keys.quotaKeys)).toEqual(['mine']);
});
