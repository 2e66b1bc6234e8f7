import { beforeEach, expect, test } from 'vitest';
import { AttackStand } from './attack-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: AttackStand;
beforeEach(() => {
  stand = new AttackStand(engine());
});

test('a cancel that nobody has signed stops nothing', async () => {
  const { redis, keys } = engine();
  stand.onCommand = async () => {
    await redis.hset(keys.run(run), 'cancel', new Date().toISOString(), 'state', 'cancelling');
    await redis.publish(keys.cancels, run);
  };
  const run = await stand.waitingRun();
  await redis.hset(keys.run(run), 'cancel', new Date().toISOString());
  await (await stand.runner()).reconcile();
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'completed' });
  expect(view.steps.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  expect(stand.alerts.some(({ what }) => what === 'a cancel')).toBe(true);
});

test('a cancel that nobody has signed makes no cancelled run of one that is about to end', async () => {
  const { redis, keys } = engine();
  stand.onCommand = async (name) => {
    if (name === 'diff') await redis.hset(keys.run(run), 'cancel', new Date().toISOString());
  };
  const run = await stand.waitingRun();
  await (await stand.runner()).reconcile();
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'completed' });
  expect(view.cancelRequestedAt).toBeUndefined();
  expect(stand.alerts).toMatchObject([{ run, what: 'a cancel' }]);
});

test('a cancel that was signed is heard by the steps to come, also where its flag was taken away', async () => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun();
  await stand.commander(engine().signer).cancel(run, 'alice');
  await redis.hdel(keys.run(run), 'cancel');
  await (await stand.runner()).reconcile();
  const view = await engine().ended(run);
  expect(view.steps.map(({ reason }) => reason)).toEqual(['cancelled', 'cancelled', undefined]);
  expect(view.state).toBe('cancelled');
  expect(view.error).toBeUndefined();
  expect(stand.commands).toEqual([]);
});

test('a cancel that nobody has signed makes no cancelled run of one whose closing step was lost', async () => {
  const { redis, keys, queues } = engine();
  const run = await stand.waitingRun();
  await redis.hset(keys.run(run), 'cancel', new Date().toISOString());
  await redis.zadd(queues.get('evidence').toKey('failed'), 0, `${run}.report`);
  await (await stand.runner()).reconcile();
  expect(await engine().ended(run)).toMatchObject({ state: 'failed', error: { code: 'worker-lost' } });
  expect(stand.alerts).toMatchObject([{ run, what: 'a cancel' }]);
});
