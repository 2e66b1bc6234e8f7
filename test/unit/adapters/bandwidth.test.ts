import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bandwidth } from '../../../workers/adapters/node/bandwidth.js';

const perSecond = 1_000_000;
/** A quarter of a second's worth. */
const burst = 250_000;

test('what comes after the burst waits as long as its bytes take', () => {
  const bandwidth = new Bandwidth(perSecond, () => 0);
  expect(bandwidth.spend(burst)).toBe(0);
  expect(bandwidth.spend(32_000)).toBe(32);
  expect(bandwidth.spend(32_000)).toBe(64);
});

test('time that nothing was sent in is not saved up beyond the burst', () => {
  let now = 0;
  const bandwidth = new Bandwidth(perSecond, () => now);
  now = 3_600_000;
  expect(bandwidth.spend(burst)).toBe(0);
  expect(bandwidth.spend(1_000)).toBe(1);
});

test('0 is no cap', () => {
  expect(new Bandwidth(0, () => 0).spend(Number.MAX_SAFE_INTEGER)).toBe(0);
});

test('readers that wait as they are told never get more than the cap, the burst and one chunk each', () => {
  const reader = fc.record({ chunk: fc.integer({ min: 1, max: 32_768 }), idle: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(fc.array(reader, { minLength: 1, maxLength: 5 }), (readers) => {
      let now = 0;
      let passed = 0;
      const bandwidth = new Bandwidth(perSecond, () => now);
      const due = readers.map(() => 0);
      for (let turn = 0; turn < 300; turn += 1) {
        const next = due.indexOf(Math.min(...due));
        const { chunk, idle } = readers[next]!;
        now = Math.max(now, due[next]!);
        passed += chunk;
        due[next] = now + Math.max(bandwidth.spend(chunk), idle);
        const pending = readers.reduce((sum, { chunk: size }) => sum + size, 0);
        expect(passed).toBeLessThanOrEqual((now * perSecond) / 1000 + burst + pending + 1);
      }
    }),
  );
});
