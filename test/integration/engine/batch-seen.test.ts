import { afterEach, expect, test } from 'vitest';
import type { Reach } from '../../../playbooks/domain/access.js';
import { RedisBatches } from '../../../store/batches.js';
import { webPod, webPods } from './batch-ports.js';
import { BatchStand } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: BatchStand | undefined;
afterEach(() => stand?.stop());

const reach = (...namespaces: string[]): Reach => namespaces.map((namespace) => ({ cluster: 'default', namespace }));

test('a batch that has found no pod is shown to who reaches where it looked, and to nobody else', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(3)));
  await at.runner();
  await at.door();
  const none = await at.open({ select: { where: { namespace: 'bank', labels: 'app=vault' } }, reason: 'secret' });
  const tooMany = await at.open({ maxPods: 2 });
  const all = await at.open({ select: { where: { image: 'vault:1' } } });
  for (const batch of [none, tooMany, all]) await at.ended(batch);
  const seen = async (who: Reach): Promise<boolean[]> =>
    Promise.all([none, tooMany, all].map(async (batch) => (await at.office.get(batch, { actor: 'key:other', reach: who })) !== undefined));
  expect(await seen(reach('shop'))).toEqual([false, true, false]);
  expect(await seen(reach('bank'))).toEqual([true, false, false]);
  expect(await seen(reach('*'))).toEqual([true, true, true]);
  expect((await at.office.list({ limit: 10 }, { actor: 'key:other', reach: reach('elsewhere') })).items).toEqual([]);
});

test('who has asked for a batch sees it as long as he reaches its pods', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), [...webPods(2), webPod(9, { namespace: 'bank', pod: 'db-0', uid: 'u-db' })]));
  await at.runner();
  await at.door();
  const actor = 'oidc:ann';
  const batch = await at.open({ select: { all: true } }, { actor, reach: reach('shop', 'bank') });
  expect(await at.office.get(batch, { actor, reach: reach('shop', 'bank') })).toBeDefined();
  await at.ended(batch);
  expect(await at.office.get(batch, { actor, reach: reach('shop', 'bank') })).toMatchObject({ counts: { completed: 3 } });
  // His role is another one today.
  expect(await at.office.get(batch, { actor, reach: reach('shop') })).toBeUndefined();
});

test('a batch whose later listing fails says so', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(2)));
  const batch = await at.open({});
  const { redis, keys, texts } = engine();
  const error = { code: 'cluster-unreachable', message: 'not now' } as const;
  await new RedisBatches(redis, keys, texts).expanded(batch, 2, { foreign: 0, left: 0, error }, []);
  await at.runner();
  await at.door();
  expect(await at.ended(batch)).toMatchObject({
    state: 'completed',
    counts: { completed: 2 },
    error: { code: error.code, message: expect.stringContaining('not now') as string },
  });
});

test('a page of batches that name thousands of pods is cut short', { timeout: 60_000 }, async () => {
  const at = (stand = new BatchStand(engine(), []));
  const targets = Array.from({ length: 10_000 }, (_, number) => ({ namespace: 'shop', pod: `web-${number}` }));
  const all: string[] = [];
  for (let left = 3; left > 0; left -= 1) all.unshift(await at.open({ select: { targets } }));
  const reader = { actor: 'key:tester', reach: 'all' } as const;
  const first = await at.office.list({ limit: 10 }, reader);
  const rest = await at.office.list({ limit: 10, cursor: first.next! }, reader);
  expect([first.items.length, rest.items.length]).toEqual([2, 1]);
  expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(all);
});
