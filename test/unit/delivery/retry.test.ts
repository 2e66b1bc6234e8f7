import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nextTry, retryPlan } from '../../../playbooks/delivery/retry.js';

const since = Date.parse('2026-01-02T03:04:05Z');

/** The waits of an endpoint that never takes anything, in seconds. */
function waits(chance: number): number[] {
  const all: number[] = [];
  let now = since;
  for (let attempts = 1; ; attempts += 1) {
    const next = nextTry({ attempts, since, now }, chance);
    if (next === undefined) return all;
    all.push((next - now) / 1_000);
    now = next;
  }
}

it('tries after 5 s, then twice as long each time up to an hour, for 24 hours', () => {
  const all = waits(0);
  expect(all.slice(0, 11)).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
  expect(all.reduce((sum, each) => sum + each, 0)).toBe(24 * 3_600);
  expect(all.length).toBeGreaterThan(30);
});

it('makes the last attempt when the 24 hours are over, and none after it', () => {
  expect(nextTry({ attempts: 30, since, now: since + retryPlan.totalMs - 60_000 })).toBe(since + retryPlan.totalMs);
  expect(nextTry({ attempts: 31, since, now: since + retryPlan.totalMs })).toBeUndefined();
});

it('waits for as long as the endpoint asks, if that is longer', () => {
  expect(nextTry({ attempts: 1, since, now: since, retryAfterMs: 120_000 }, 0)).toBe(since + 120_000);
  expect(nextTry({ attempts: 8, since, now: since, retryAfterMs: 1_000 }, 0)).toBe(since + 640_000);
  expect(nextTry({ attempts: 1, since, now: since, retryAfterMs: 40 * 3_600_000 }, 0)).toBe(since + retryPlan.totalMs);
});

it('never waits for less than 5 s or more than an hour by itself, whatever chance says', () => {
  const anywhere = fc.record({ attempts: fc.integer({ min: 1, max: 10_000 }), ago: fc.integer({ min: 0, max: retryPlan.totalMs - 3_600_000 }) });
  fc.assert(
    fc.property(anywhere, fc.double({ min: 0, max: 1, noNaN: true }), ({ attempts, ago }, chance) => {
      const wait = nextTry({ attempts, since, now: since + ago }, chance)! - since - ago;
      expect(wait).toBeGreaterThanOrEqual(5_000);
      expect(wait).toBeLessThanOrEqual(3_600_000);
    }),
  );
});
