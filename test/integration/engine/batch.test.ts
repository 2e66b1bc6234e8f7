import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { ListedPod } from '../../../playbooks/domain/batch.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { planted } from './batch-playbook.js';
import { webPod, webPods } from './batch-ports.js';
import { BatchStand } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const stands: BatchStand[] = [];
function stand(pods: readonly ListedPod[], latencyMs?: number): BatchStand {
  const made = new BatchStand(engine(), pods, latencyMs);
  stands.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(stands.splice(0).map((each) => each.stop()));
});

const timeout = 120_000;

test('a batch opens one run a pod, bounded in all and on each node, and its report has the outliers first', { timeout }, async () => {
  const at = stand(webPods(60));
  await at.runner();
  const door = await at.door();
  const batch = await at.open({ concurrency: { total: 10, perNode: 5 }, caseId: 'c-7', reason: 'sweep' });
  let most = { total: 0, node: 0 };
  const watch = setInterval(() => {
    void engine()
      .redis.hvals(engine().keys.batchRunning(batch))
      .then((nodes) => {
        const perNode = Math.max(0, ...['node-a', 'node-b'].map((name) => nodes.filter((node) => node === name).length));
        most = { total: Math.max(most.total, nodes.length), node: Math.max(most.node, perNode) };
      })
      .catch(() => undefined);
  }, 10);
  const view = await at.ended(batch);
  clearInterval(watch);
  expect(view).toMatchObject({ state: 'completed', round: 2, counts: { pending: 0, running: 0, completed: 60, failed: 0, gone: 0 } });
  expect(most.total).toBeLessThanOrEqual(10);
  expect(most.node).toBeLessThanOrEqual(5);
  expect(most.node).toBeGreaterThan(1);
  const runs = await at.runs();
  expect(new Set(runs.map(({ request }) => request.target.pod)).size).toBe(60);
  expect(runs).toHaveLength(60);
  expect(runs[0]).toMatchObject({
    origin: { batch },
    requestedBy: 'key:tester',
    request: { caseId: 'c-7', reason: 'sweep', options: { priority: 'batch' } },
  });
  expect(await new SignedRuns(engine().redis, engine().keys, keyRing(engine().folder)).info(runs[0]!.id)).toMatchObject({
    requestedBy: 'key:tester',
  });

  const report = await at.report(batch);
  const outliers = report.artifacts.filter(({ rarity }) => rarity === 'outlier');
  expect(report.artifacts.slice(0, outliers.length)).toEqual(outliers);
  expect(outliers).toHaveLength(11);
  expect(outliers.every(({ path, level }) => path.text === planted.path && level === 'suspicious')).toBe(true);
  expect(outliers.map(({ found }) => found)).toEqual([...Array<number>(10).fill(1), 10]);
  const equal = outliers.find(({ sha256 }) => sha256 === planted.equal);
  const names = new Map(report.pods.map(({ number, pod }) => [number, pod]));
  expect(equal?.pods.map((number) => names.get(number)).sort()).toEqual(Array.from({ length: 10 }, (_, n) => `web-${n * 6}`).sort());
  expect(report.artifacts.filter(({ rarity }) => rarity === 'common').map(({ path, found }) => [path.text, found])).toEqual([['etc/app.conf', 60]]);
  expect(report.artifacts.filter(({ rarity }) => rarity === 'varies')).toHaveLength(60);
  expect(report.unknown).toEqual([]);
  expect(report.groups).toEqual([{ namespace: 'shop', owner: { kind: 'Deployment', name: 'web' }, images: ['shop/web:1'], pods: 60, examined: 60 }]);
  expect(door.told).toEqual([`${batch} completed`]);
});

describe('a selection', () => {
  const others = [webPod(1, { namespace: 'bank', pod: 'db-1', uid: 'u-db', images: ['bank/db:2'], owner: { kind: 'StatefulSet', name: 'db' } })];

  test('a dry run says what would be done, and opens nothing', { timeout }, async () => {
    const at = stand(webPods(8));
    await at.runner();
    await at.door();
    const view = await at.ended(await at.open({ dryRun: true, options: { lookups: { budget: 5 } } }));
    expect(view).toMatchObject({ state: 'planned', plan: { pods: 8, nodes: 2, lookups: { most: 40, leftToday: 0 } } });
    expect(await at.runs()).toEqual([]);
    const done = await at.ended(await at.open({}));
    expect(done.counts?.completed).toBe(8);
    const again = await at.ended(await at.open({ dryRun: true }));
    expect(again.plan?.estimatedSeconds).toBeGreaterThan(0);
  });

  test('of too many pods is refused with their number', { timeout }, async () => {
    const at = stand(webPods(9));
    await at.runner();
    await at.door();
    const view = await at.ended(await at.open({ maxPods: 8 }));
    expect(view).toMatchObject({ state: 'failed', error: { code: 'batch-too-large' } });
    expect(view.error?.message).toContain('9 pods');
    expect(await at.runs()).toEqual([]);
  });

  test('that the API server refuses fails with what it said', { timeout }, async () => {
    const at = stand(webPods(1));
    await at.runner();
    await at.door();
    const view = await at.ended(await at.open({ select: { where: { labels: 'refused' } } }));
    expect(view).toMatchObject({ state: 'failed', error: { code: 'invalid-request' } });
  });

  test('by owner and image takes those, and what who asked does not reach is counted and not named', { timeout }, async () => {
    const at = stand([...webPods(4), ...others]);
    await at.runner();
    await at.door();
    const reader = { actor: 'key:shop', reach: [{ cluster: 'default', namespace: 'shop' }] };
    const all = await at.open({ select: { all: true } }, reader);
    const view = await at.ended(all);
    expect(view.counts).toMatchObject({ completed: 4, foreign: 1 });
    expect(JSON.stringify([await at.pods(all), await at.report(all)])).not.toContain('db-1');
    const owned = await at.ended(await at.open({ select: { where: { owner: { kind: 'StatefulSet', name: 'db' } } } }));
    const imaged = await at.ended(await at.open({ select: { where: { image: 'shop/web:1' } } }));
    expect([owned.counts?.completed, imaged.counts?.completed]).toEqual([1, 4]);
    // Who sees which: his own, and those of which he reaches every pod.
    const seen = async (actor: string, namespace: string): Promise<(string | undefined)[]> =>
      Promise.all([view, owned, imaged].map(async ({ id }) => (await at.office.get(id, { actor, reach: [{ cluster: 'default', namespace }] }))?.id));
    expect(await seen('key:shop', 'shop')).toEqual([all, undefined, imaged.id]);
    expect(await seen('key:bank', 'bank')).toEqual([undefined, owned.id, undefined]);
    const mine = await at.office.list({ limit: 10 }, { actor: 'key:bank', reach: [{ cluster: 'default', namespace: 'bank' }] });
    expect(mine.items.map(({ id }) => id)).toEqual([owned.id]);
  });

  test('of pods by name reports those that are not there, and lists no second time', { timeout }, async () => {
    const at = stand(webPods(2));
    await at.runner();
    await at.door();
    const targets = [
      { namespace: 'shop', pod: 'web-0' },
      { namespace: 'shop', pod: 'web-7' },
    ];
    const batch = await at.open({ select: { targets } });
    expect(await at.ended(batch)).toMatchObject({ state: 'completed', round: 1, counts: { completed: 1, gone: 1 } });
    expect((await at.pods(batch)).map(({ pod, state, error }) => [pod, state, error?.code])).toEqual([
      ['web-0', 'completed', undefined],
      ['web-7', 'gone', 'pod-not-found'],
    ]);
    expect((await at.report(batch)).unknown).toEqual([{ number: 1, what: 'not-examined', reason: 'pod-not-found' }]);
  });
});

test('pods that go while a batch runs are reported as gone, and those that come are taken up', { timeout }, async () => {
  const at = stand(webPods(10), 40);
  await at.runner();
  await at.door();
  const batch = await at.open({ concurrency: { total: 2, perNode: 1 } });
  await at.until(batch, ({ counts }) => (counts?.running ?? 0) > 0);
  at.setPods([...webPods(8), webPod(20), webPod(21)]);
  const view = await at.ended(batch);
  expect(view).toMatchObject({ state: 'completed', round: 3, counts: { completed: 10, gone: 2, failed: 0 } });
  expect(
    (await at.pods(batch))
      .filter(({ state }) => state === 'gone')
      .map(({ pod }) => pod)
      .sort(),
  ).toEqual(['web-8', 'web-9']);
  expect((await at.report(batch)).unknown.map(({ what, reason }) => [what, reason])).toEqual(Array(2).fill(['not-examined', 'pod-not-found']));
});

describe('what a batch is told', () => {
  test('pause lets open runs end and opens none, resume goes on, and the report of later comes last', { timeout }, async () => {
    const at = stand(webPods(20), 20);
    await at.runner();
    await at.door();
    const batch = await at.open({ concurrency: { total: 4, perNode: 2 } });
    await at.until(batch, ({ counts }) => (counts?.completed ?? 0) > 0);
    expect(await at.office.wish(batch, 'pause', 'key:a')).toBe(true);
    expect(await at.office.wish(batch, 'pause', 'key:b')).toBe(false);
    const paused = await at.until(batch, ({ counts }) => counts?.running === 0);
    await sleep(700);
    const still = await at.until(batch, () => true);
    expect(still).toMatchObject({ state: 'paused', counts: paused.counts! });
    expect(still.counts?.pending).toBeGreaterThan(0);
    expect(still.eta).toBeUndefined();
    await at.office.wish(batch, 'resume', 'key:a');
    expect((await at.ended(batch)).counts).toMatchObject({ completed: 20 });
    await expect(at.office.wish(batch, 'pause', 'key:a')).rejects.toMatchObject({ code: 'conflict' });
    await expect(at.office.wish('b0000000000000000000', 'pause', 'key:a')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('cancel stops open runs and opens none; retry then runs those and no others', { timeout }, async () => {
    const at = stand(webPods(8), 30);
    await at.runner();
    await at.door();
    const batch = await at.open({ playbook: 'long', concurrency: { total: 3, perNode: 2 } });
    await at.until(batch, ({ counts }) => counts?.running === 3);
    await at.office.wish(batch, 'cancel', 'key:boss');
    const view = await at.ended(batch);
    expect(view).toMatchObject({ state: 'cancelled', counts: { pending: 0, cancelled: 8 } });
    const first = await at.runs();
    expect(first.map(({ state }) => state)).toEqual(Array(3).fill('cancelled'));
    const asked = await engine().entries(first[0]!.id);
    expect(asked.find(({ act }) => act === 'run.cancel-requested')?.actor).toBe('key:boss');
    expect((await at.pods(batch)).map(({ state }) => state)).toEqual(Array(8).fill('cancelled'));

    await at.office.wish(batch, 'retry', 'key:boss');
    await at.until(batch, ({ counts }) => counts?.running === 3);
    const retried = (await at.runs()).filter(({ origin }) => origin?.retryOf !== undefined);
    expect(retried.map(({ origin }) => origin?.retryOf).every((run) => first.some(({ id }) => id === run))).toBe(true);
    await at.office.wish(batch, 'cancel', 'key:boss');
    expect((await at.ended(batch)).state).toBe('cancelled');
  });
});

test('two API processes open each run once, and the other goes on when one stops', { timeout }, async () => {
  const at = stand(webPods(40), 5);
  await at.runner();
  const [one] = [await at.door({ gatherMs: 1 }), await at.door({ gatherMs: 1 })];
  const batch = await at.open({});
  await at.until(batch, ({ counts }) => (counts?.completed ?? 0) > 5);
  await one.stop();
  expect((await at.ended(batch)).counts).toMatchObject({ completed: 40 });
  const runs = await at.runs();
  expect(runs).toHaveLength(40);
  expect(new Set(runs.map(({ request }) => request.target.pod)).size).toBe(40);
});
