import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { RedisBatches } from '../../../store/batches.js';
import { BatchTargets } from '../../../store/batches-targets.js';
import { webPods } from './batch-ports.js';
import { BatchStand } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: BatchStand | undefined;
afterEach(() => stand?.stop());

test('who was held up while a batch was paused or cancelled opens no more of its runs', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(3)));
  const door = await at.door();
  await at.runner();
  const batch = await at.open({ playbook: 'long', concurrency: { total: 1, perNode: 1 } });
  await at.until(batch, ({ counts }) => counts?.running === 1);
  await door.stop();
  const { redis, keys } = engine();
  const targets = new BatchTargets(redis, keys);
  const take = (number: number) =>
    targets.move(batch, { number, from: undefined, to: { state: 'running', retry: 0 }, node: 'x' }, { total: 9, perNode: 9 });
  await at.office.wish(batch, 'pause', 'key:somebody');
  expect(await take(1)).toBe('full');
  await at.office.wish(batch, 'resume', 'key:somebody');
  expect(await take(1)).toBe('ok');
  await at.office.wish(batch, 'cancel', 'key:somebody');
  expect(await take(2)).toBe('full');
});

test('a batch that another process has brought to its end is not listened to any more', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(1)));
  await at.door();
  const runner = await at.runner();
  const batch = await at.open({ playbook: 'long' });
  const { counts } = await at.until(batch, (view) => view.counts?.running === 1);
  expect(counts?.running).toBe(1);
  const { redis, keys, texts } = engine();
  const run = (await at.pods(batch))[0]!.run!;
  const listeners = async (): Promise<unknown> => (await redis.pubsub('NUMSUB', keys.changes(run)))[1];
  while ((await listeners()) !== 1) await sleep(20);
  // So that the run tells of nothing any more.
  await runner.stop(2_000);
  // The other one.
  await redis.set(keys.batchLease(batch), 'other', 'PX', 60_000);
  while (!(await new RedisBatches(redis, keys, texts).move(batch, 'running', 'completed'))) await sleep(20);
  for (const end = Date.now() + 5_000; (await listeners()) !== 0 && Date.now() < end; ) await sleep(50);
  expect(await listeners()).toBe(0);
});

test('a batch that is to be retried is not taken off the list of open ones by who has seen it ended', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(1)));
  const { redis, keys, texts } = engine();
  const batches = new RedisBatches(redis, keys, texts);
  const batch = await at.open({});
  await batches.move(batch, 'expanding', 'cancelled');
  expect(await batches.openBatches()).toEqual([]);
  await at.office.wish(batch, 'retry', 'key:somebody');
  await batches.forgetEnded(batch);
  expect(await batches.openBatches()).toEqual([batch]);
  await batches.move(batch, 'running', 'completed');
  await redis.sadd(keys.batchesOpen, batch);
  await batches.forgetEnded(batch);
  expect(await batches.openBatches()).toEqual([]);
});

test('a batch that was told a thousand things can only be cancelled', async () => {
  const at = (stand = new BatchStand(engine(), []));
  const { redis, keys, texts } = engine();
  const batch = await at.open({});
  await new RedisBatches(redis, keys, texts).move(batch, 'expanding', 'running');
  await redis.rpush(keys.batchWishes(batch), ...Array<string>(1_000).fill('x'));
  await expect(at.office.wish(batch, 'pause', 'key:somebody')).rejects.toMatchObject({ code: 'conflict' });
  expect(await at.office.wish(batch, 'cancel', 'key:somebody')).toBe(true);
});
