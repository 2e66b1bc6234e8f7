import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchRunId, isBatchId, newBatchId } from '../../../store/batches-ids.js';
import type { Wish } from '../../../store/batches-texts.js';
import { modeOf } from '../../../store/batches-wishes.js';

const at = (minute: number): string => new Date(minute * 60_000).toISOString();
const signed = (...list: Wish[]): Parameters<typeof modeOf>[0] => list.map((wish, n) => ({ wish, by: `k${n}`, at: at(n) }));

test('the last wish counts, but nothing but a retry undoes a cancel', () => {
  expect(modeOf([])).toEqual({ mode: 'run', wishes: 0, retries: new Map() });
  expect(modeOf(signed('pause'))).toMatchObject({ mode: 'pause', by: 'k0' });
  expect(modeOf(signed('pause', 'resume')).mode).toBe('run');
  expect(modeOf(signed('pause', 'cancel', 'resume', 'pause')).mode).toBe('cancel');
  expect(modeOf(signed('cancel', 'retry', 'pause', 'resume', 'retry'))).toMatchObject({
    mode: 'run',
    retries: new Map([
      [2, at(1)],
      [5, at(4)],
    ]),
  });
});

test('ids sort by time and are told from those of runs', () => {
  const [first, second] = [newBatchId(new Date(1_000)), newBatchId(new Date(2_000))];
  expect(first < second && isBatchId(first)).toBe(true);
  for (const text of ['', 'r0000000000000000000', 'b', `${first}0`, 'b00000000000000000:0', `${first}\n`]) expect(isBatchId(text)).toBe(false);
});

test('the id of a run follows from the pod and the retry, and no two have the same', () => {
  const pod = { namespace: 'shop', pod: 'web-0', uid: 'u', images: [] };
  const id = batchRunId('b1', pod, 0, at(1));
  expect(id).toMatch(/^r[0-9a-z]{19}$/);
  expect(batchRunId('b1', { ...pod, images: ['x'], node: 'n' }, 0, at(1))).toBe(id);
  const others = [
    batchRunId('b2', pod, 0, at(1)),
    batchRunId('b1', { ...pod, uid: 'v' }, 0, at(1)),
    batchRunId('b1', { ...pod, container: 'c' }, 0, at(1)),
    batchRunId('b1', pod, 1, at(1)),
    batchRunId('b1', pod, 0, at(2)),
  ];
  expect(new Set([id, ...others]).size).toBe(6);
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const of = (namespace: string, name: string): string => batchRunId('b1', { ...pod, namespace, pod: name }, 0, at(1));
      expect(of(a, b) === of(b, a)).toBe(a === b);
    }),
  );
});
