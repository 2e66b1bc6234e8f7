import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newRunId } from '../../../store/run-id.js';

test('run ids are DNS labels that sort by time', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('2900-01-01'), noInvalidDate: true }), fc.integer({ min: 1, max: 1e9 }), (date, later) => {
      const first = newRunId(date);
      const second = newRunId(new Date(date.getTime() + later));
      expect(first).toMatch(/^r[0-9a-z]{19}$/);
      expect(first < second).toBe(true);
    }),
  );
});

test('run ids of one moment differ', () => {
  const now = new Date();
  expect(new Set(Array.from({ length: 1_000 }, () => newRunId(now))).size).toBe(1_000);
});
