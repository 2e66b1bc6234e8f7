import { expect, test } from 'vitest';
import type { NodePort } from '../../../playbooks/ports.js';
import { Slots } from '../../../store/slots.js';
import { fakeNodes, fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

function slots(max: number, leaseMs = 10_000, callMs = 10_000): Slots {
  return new Slots(engine().redis, engine().keys, { max, leaseMs, staleMs: 60_000, callMs });
}

const ask = (waiter: string, priority = 20) => ({ name: 'node', holder: `${waiter}/1`, waiter, priority });

test('no more steps work on a node at once than there are slots, over all workers', async () => {
  let active = 0;
  let most = 0;
  const nodes: NodePort = {
    async connect(node, signal) {
      const session = await fakeNodes.connect(node, signal);
      active += 1;
      most = Math.max(most, active);
      return {
        ...session,
        async start(command, stop) {
          const running = await session.start(command, stop);
          return { ...running, finished: running.finished.finally(() => (active -= 1)) };
        },
      };
    },
  };
  const ports = { ...fakePorts, nodes };
  await Promise.all([1, 2, 3].map(() => engine().runner({ nodeSlots: 2, ports })));
  const runs = await Promise.all(Array.from({ length: 20 }, () => engine().open('brief')));
  const views = await Promise.all(runs.map((run) => engine().ended(run)));
  expect(views.map(({ state }) => state)).toEqual(runs.map(() => 'completed'));
  expect(most).toBe(2);
});

test('an urgent run goes before those that wait', async () => {
  await engine().runner({ nodeSlots: 1 });
  const batch = await Promise.all(Array.from({ length: 8 }, () => engine().open('brief', 'batch')));
  await engine().until(batch[7]!, (view) => view.waitingFor !== undefined || view.finishedAt !== undefined);
  const urgent = await engine().open('brief');
  await engine().ended(urgent);
  const states = await Promise.all(batch.map(async (run) => (await engine().reader.get(run))?.finishedAt));
  expect(states).toContain(undefined);
  await Promise.all(batch.map((run) => engine().ended(run)));
});

test('waiters are served by priority, then by time', async () => {
  const desk = slots(1);
  expect(await desk.acquire(ask('a'))).toMatchObject({ held: true });
  expect(await desk.acquire(ask('b', 30))).toMatchObject({ held: false, place: 0 });
  expect(await desk.acquire(ask('c', 10))).toMatchObject({ held: false, place: 0 });
  expect(await desk.acquire(ask('d', 10))).toMatchObject({ held: false, place: 1 });
  expect(await desk.release('node', 'a/1')).toEqual(['c']);
  expect(await desk.acquire(ask('b', 30))).toMatchObject({ held: false, place: 2, wake: [] });
  expect(await desk.acquire(ask('c', 10))).toMatchObject({ held: true });
});

test('the slot of a dead holder comes back when its lease ends, and one that is renewed does not', async () => {
  const desk = slots(1, 200);
  await desk.acquire(ask('dead'));
  await expect.poll(() => desk.acquire(ask('next'))).toMatchObject({ held: true });
  for (let turn = 0; turn < 6; turn++) {
    await desk.renew('node', 'next/1');
    expect(await desk.acquire(ask('third'))).toMatchObject({ held: false });
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
});

test('a waiter that is called and does not come keeps its place, but no slot stays empty for it', async () => {
  const desk = slots(1, 10_000, 100);
  await desk.acquire(ask('a'));
  await desk.acquire(ask('dead', 10));
  await desk.acquire(ask('b'));
  expect(await desk.release('node', 'a/1')).toEqual(['dead']);
  expect(await desk.acquire(ask('b'))).toMatchObject({ held: false, place: 1, wake: [] });
  await expect.poll(() => desk.acquire(ask('b'))).toMatchObject({ held: true });
  await desk.release('node', 'b/1');
  expect(await desk.acquire(ask('dead', 10))).toMatchObject({ held: true });
});

test('a waiter that gives up holds nobody up', async () => {
  const desk = slots(1);
  await desk.acquire(ask('a'));
  await desk.acquire(ask('b'));
  await desk.leave('node', 'b');
  expect(await desk.release('node', 'a/1')).toEqual([]);
  expect(await desk.acquire(ask('c'))).toMatchObject({ held: true });
});
