import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { BatchJobs } from '../../../store/batches-jobs.js';
import { webPods } from './batch-ports.js';
import { BatchStand } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: BatchStand | undefined;
afterEach(() => stand?.stop());

/** Writes what stands of a pod, and has the batch gone through as if it were running. */
async function stands(batch: string, standing: object, field: 'batchTargets' | 'batchRunning' = 'batchTargets'): Promise<void> {
  const { redis, keys } = engine();
  await redis.hset(keys.batchTargets(batch), '0', JSON.stringify(standing));
  if (field === 'batchRunning') await redis.hset(keys.batchRunning(batch), '0', 'node-a');
  await redis.hset(keys.batch(batch), 'state', 'running');
  await redis.sadd(keys.batchesOpen, batch);
  await redis.publish(keys.batchHints, batch);
  await sleep(1_500);
}

test('who writes to Redis can have no pod run again by a retry that nobody has asked for', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(2)));
  await at.runner();
  await at.door();
  const batch = await at.open({});
  await at.ended(batch);
  await stands(batch, { state: 'pending', retry: 99 });
  await stands(batch, { state: 'running', retry: 98, run: 'r0000000000000000000' }, 'batchRunning');
  expect(await at.runs()).toHaveLength(2);
});

test('who writes to Redis can leave no pod out of the report', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(2), 40));
  await at.runner();
  await at.door();
  const batch = await at.open({ concurrency: { total: 1, perNode: 1 } });
  await at.until(batch, ({ counts }) => counts?.running === 1);
  at.setPods(webPods(3));
  await at.ended(batch);
  const { pods } = await at.report(batch);
  const { redis, keys, queues } = engine();
  await redis.hdel(keys.batch(batch), 'fleet');
  await redis.hset(keys.batch(batch), 'round', 1);
  await new BatchJobs(queues).report(batch, 7);
  expect(pods.map(({ pod }) => pod)).toContain('web-2');
  expect((await at.report(batch)).pods).toEqual(pods);

  const [first] = await at.pods(batch);
  await redis.del(keys.run(first?.run ?? ''), keys.custody(first?.run ?? ''));
  await redis.hdel(keys.batch(batch), 'fleet');
  await new BatchJobs(queues).report(batch, 8);
  expect((await at.report(batch)).unknown).toEqual([{ number: first?.number, what: 'not-examined', reason: 'custody-broken' }]);
});
