import { afterEach, expect, test } from 'vitest';
import { planted } from './batch-playbook.js';
import { setAway, webPod, webPods } from './batch-ports.js';
import { BatchStand } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: BatchStand | undefined;
afterEach(() => stand?.stop());

const timeout = 120_000;

test('retry opens runs for the pods that failed and for no others', { timeout }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(12)));
  await at.runner();
  const door = await at.door();
  const batch = await at.open({ playbook: 'partly' });
  const view = await at.ended(batch);
  expect(view.counts).toMatchObject({ completed: 11, failed: 1 });
  const before = await at.runs();
  const failed = before.find(({ state }) => state === 'failed');
  expect((await at.report(batch)).unknown).toEqual([{ number: 9, what: 'not-examined', reason: 'permission-denied' }]);
  expect(await at.office.wish(batch, 'retry', 'key:a')).toBe(true);
  const again = await at.ended(batch);
  expect(again.counts).toMatchObject({ completed: 11, failed: 1 });
  const added = (await at.runs()).filter(({ id }) => before.every((run) => run.id !== id));
  expect(added.map(({ origin, request }) => [request.target.pod, origin])).toEqual([['web-9', { batch, retryOf: failed?.id }]]);
  expect(door.told).toEqual([`${batch} completed`, `${batch} completed`]);
});

test('retry runs a pod again whose node went away after its listing; what the new run cannot have, the run before has in the report', {
  timeout,
}, async () => {
  const at = (stand = new BatchStand(engine(), webPods(4)));
  await at.runner();
  await at.door();
  const retry = async (): Promise<(string | undefined)[][]> => {
    await at.office.wish(batch, 'retry', 'key:a');
    await at.ended(batch);
    await at.until(batch, ({ report, finishedAt }) => report !== undefined && report.at >= (finishedAt ?? ''));
    return (await at.pods(batch)).map(({ pod, state, error, retryOf }) => [pod, state, error?.code, retryOf]);
  };
  setAway(at.folder, ['again']);
  const batch = await at.open({ playbook: 'twice' });
  expect((await at.ended(batch)).counts).toMatchObject({ completed: 4 });
  const first = new Map((await at.pods(batch)).map(({ pod, run }) => [pod, run]));
  const runs = new Map((await at.runs()).map((run) => [run.id, run]));
  for (const [pod, run = ''] of first) {
    const wanted = ['web-1', 'web-3'].includes(pod) ? { completeness: 'partial', cutShort: { code: 'node-unreachable' } } : { completeness: 'full' };
    expect(runs.get(run)).toMatchObject({ state: 'completed', ...wanted });
  }

  setAway(at.folder, ['scan', 'again']);
  expect(await retry()).toEqual([
    ['web-0', 'completed', undefined, undefined],
    ['web-1', 'failed', 'node-unreachable', first.get('web-1')],
    ['web-2', 'completed', undefined, undefined],
    ['web-3', 'failed', 'node-unreachable', first.get('web-3')],
  ]);
  const partial = await at.report(batch);
  expect(partial.unknown.map(({ number, what, reason }) => [number, what, reason])).toEqual(
    [1, 3].map((number) => [number, 'partial', 'node-unreachable']),
  );
  expect(partial.pods.map(({ state }) => state)).toEqual(['completed', 'failed', 'completed', 'failed']);
  expect(partial.artifacts.filter(({ path }) => path.text === planted.path).map(({ pods }) => pods)).toEqual([[0], [3]]);

  setAway(at.folder, []);
  expect((await retry()).map(([, state, error]) => [state, error])).toEqual(Array(4).fill(['completed', undefined]));
  expect((await at.report(batch)).unknown).toEqual([]);
});

test('a pod that had no run before the retry is run once, whichever process goes on', { timeout }, async () => {
  const at = (stand = new BatchStand(
    engine(),
    [0, 9, 1, 2, 3, 4, 5].map((number) => webPod(number)),
    60,
  ));
  await at.runner();
  const one = await at.door();
  const batch = await at.open({ playbook: 'partly', concurrency: { total: 1, perNode: 1 } });
  await at.until(batch, ({ counts }) => counts?.running === 1);
  await at.office.wish(batch, 'cancel', 'key:a');
  await at.ended(batch);
  await at.office.wish(batch, 'retry', 'key:a');
  await at.until(batch, ({ counts }) => counts?.failed === 1);
  await one.stop();
  await at.door();
  expect((await at.ended(batch)).counts).toMatchObject({ completed: 6, failed: 1 });
  expect((await at.runs()).filter(({ request }) => request.target.pod === 'web-9')).toHaveLength(1);
});

test('the pods of a node that is off do not wait for it one after the other, and wait again once it was back', { timeout }, async () => {
  const at = (stand = new BatchStand(
    engine(),
    [1, 3, 5].map((number) => webPod(number)),
  ));
  await at.runner();
  await at.door();
  const attempts = async (): Promise<(number | undefined)[]> => {
    const batch = await at.open({ concurrency: { total: 1, perNode: 1 } });
    await at.ended(batch);
    const runs = new Map((await at.runs()).map((run) => [run.id, run]));
    return (await at.pods(batch)).map(({ run = '' }) => runs.get(run)?.steps.find(({ name }) => name === 'scan')?.attempt);
  };
  setAway(at.folder, ['scan']);
  expect(await attempts()).toEqual([4, 1, 1]);
  expect(await attempts()).toEqual([1, 1, 1]);
  setAway(at.folder, []);
  expect(await attempts()).toEqual([1, 1, 1]);
  setAway(at.folder, ['scan']);
  expect(await attempts()).toEqual([4, 1, 1]);
});
