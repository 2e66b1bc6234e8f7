import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { webPods } from './batch-ports.js';
import { BatchStand, everybody } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: BatchStand | undefined;
afterEach(() => stand?.stop());

test('who writes to Redis can have no batch made, no pod added, no wish heard and no run opened twice', { timeout: 120_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(6), 5));
  await at.runner();
  await at.door();
  const { redis, keys } = engine();
  const batch = await at.open({});
  await at.ended(batch);
  const order = (await redis.hget(keys.batch(batch), 'order'))!;
  // Another batch of the same order, and an order that was edited.
  const forged = 'b0000000000000000000';
  for (const text of [order, order.replace('"shop"', '"bank"')]) {
    await redis.hset(keys.batch(forged), { order: text, state: 'expanding', round: 1 });
    await redis.sadd(keys.batchesOpen, forged);
    await redis.publish(keys.batchHints, forged);
    await sleep(500);
    expect(await at.office.get(forged, everybody)).toBeUndefined();
  }
  // All pods as if they had never been run, the batch as if it were running.
  await redis.del(keys.batchTargets(batch), keys.batchCounts(batch), keys.batchRunning(batch));
  await redis.hset(keys.batch(batch), 'state', 'running');
  await redis.sadd(keys.batchesOpen, batch);
  await redis.publish(keys.batchHints, batch);
  await at.ended(batch);
  expect(await at.runs()).toHaveLength(6);
  // A wish that nobody has signed.
  const slow = await at.open({ playbook: 'long' });
  await at.until(slow, ({ counts }) => counts?.running === 6);
  await redis.rpush(keys.batchWishes(slow), JSON.stringify({ value: { wish: 'cancel', by: 'x', at: new Date().toISOString() }, by: 'x', sig: 'x' }));
  await redis.publish(keys.batchHints, slow);
  await sleep(500);
  expect((await at.until(slow, () => true)).state).toBe('running');
  // A cancel does not reach a run of somebody else whom Redis names in its place.
  const other = await at.open({ playbook: 'long', select: { targets: [{ namespace: 'shop', pod: 'web-0' }] } });
  await at.until(other, ({ counts }) => counts?.running === 1);
  const victim = (await at.pods(other))[0]?.run ?? '';
  await redis.hset(keys.batchTargets(slow), '0', JSON.stringify({ state: 'running', retry: 0, run: victim }));
  await at.office.wish(slow, 'cancel', 'x');
  expect((await at.ended(slow)).counts).toMatchObject({ cancelled: 6 });
  expect((await engine().reader.get(victim))?.state).toBe('running');
  // A pod that no worker has found: its page does not hold any more.
  const page = (await redis.hget(keys.batchPods(batch), '1.0'))!;
  await redis.hset(keys.batchPods(batch), '1.0', page.replace('web-5', 'web-6'));
  await redis.hset(keys.batch(batch), 'state', 'running');
  const fresh = await at.door();
  await redis.sadd(keys.batchesOpen, batch);
  await redis.publish(keys.batchHints, batch);
  await sleep(700);
  expect((await at.runs()).some(({ request }) => request.target.pod === 'web-6')).toBe(false);
  await fresh.stop();
  await at.office.wish(other, 'cancel', 'x');
  await at.ended(other);
});
