import { expect, test } from 'vitest';
import { RunLog } from '../../../store/run-log.js';
import { LateEngine } from './late-engine.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const onePerMinute = { quotaLimits: { perMinute: 1, perDay: 100, perMonth: 100 } };

test('a run that waits for its quota says until when, and holds no worker', async () => {
  const it = await LateEngine.create(engine(), new LateSource());
  await it.runner({}, onePerMinute);
  const run = await it.open('few');
  const view = await engine().until(run, ({ waitingFor }) => waitingFor?.eta !== undefined && it.source.asked.length === 1, 20_000);
  // One answer at once, then one each 66 s.
  await expect
    .poll(async () => (Date.parse((await engine().reader.get(run))?.waitingFor?.eta ?? '') - Date.now()) / 1_000, { timeout: 20_000 })
    .toBeLessThan(140);
  expect(view.waitingFor?.for).toBe('quota');
  await expect.poll(() => engine().queues.get('intel').getJobCounts('active', 'delayed')).toEqual({ active: 0, delayed: 1 });
});

test('a run goes on at its deadline, and says no later time', async () => {
  const it = await LateEngine.create(engine(), new LateSource());
  await it.runner({}, onePerMinute);
  const run = await it.open('few', { deadlineSeconds: 30 });
  const { waitingFor, createdAt } = await engine().until(run, (view) => view.waitingFor?.eta !== undefined, 20_000);
  const ahead = (Date.parse(waitingFor?.eta ?? '') - Date.parse(createdAt)) / 1_000;
  expect(ahead).toBeGreaterThan(29);
  expect(ahead).toBeLessThan(50);
});

test('an estimate that wavers is no news, one that moves is', async () => {
  const run = await engine().open('brief');
  const now = new Date('2026-01-02T03:04:05.000Z');
  const log = new RunLog(engine().redis, engine().keys, engine().custody, () => now);
  const shown = async (aheadMs: number | undefined): Promise<[number, string | undefined]> => {
    const eta = aheadMs === undefined ? {} : { eta: new Date(now.getTime() + aheadMs).toISOString() };
    await log.waiting(run, 'lookup', { for: 'quota', ...eta });
    return [Number(await engine().redis.hget(engine().keys.run(run), 'rev')), (await engine().reader.get(run))?.waitingFor?.eta];
  };
  const [first] = await shown(100_000);
  for (const ahead of [100_500, 99_000, 104_000, 100_000]) expect(await shown(ahead)).toEqual([first, '2026-01-02T03:05:45.000Z']);
  expect(await shown(110_000)).toEqual([first + 1, '2026-01-02T03:05:55.000Z']);
  expect(await shown(90_000)).toEqual([first + 2, '2026-01-02T03:05:35.000Z']);
  expect(await shown(undefined)).toEqual([first + 3, undefined]);
  expect(await shown(undefined)).toEqual([first + 3, undefined]);
  expect(await shown(2_000)).toEqual([first + 4, '2026-01-02T03:04:07.000Z']);
  expect(await shown(2_900)).toEqual([first + 4, '2026-01-02T03:04:07.000Z']);
});
