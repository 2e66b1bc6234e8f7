import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { etaOf } from '../../../store/eta.js';
import type { LedgerState } from '../../../store/quota.js';

const second = 1_000;
const day = 86_400 * second;
const noon = Date.UTC(2026, 0, 30, 12);

function ledger(more: Partial<LedgerState> = {}): LedgerState {
  return {
    key: 'k',
    now: noon,
    limits: { minute: 4, day: 500, month: 15_500 },
    used: { minute: 0, day: 0, month: 0 },
    share: 0.2,
    windowMs: 66_000,
    recent: [],
    waitMs: 0,
    ...more,
  };
}

function at(ms: number | undefined): string {
  return new Date(ms ?? Number.NaN).toISOString();
}

describe('when a lookup will be asked about', () => {
  it.each([
    ['at once, where nothing is spent', ledger(), { interactive: 3, other: 0 }, true, '2026-01-30T12:00:00.000Z'],
    ['a window later for every four before it', ledger(), { interactive: 8, other: 0 }, true, '2026-01-30T12:02:12.000Z'],
    [
      'when the first of the last four is out of the window',
      ledger({ recent: [1, 2, 3, 4].map((s) => noon - s * 10 * second).reverse() }),
      { interactive: 0, other: 0 },
      true,
      '2026-01-30T12:00:26.000Z',
    ],
    ['after a block', ledger({ why: 'blocked', waitMs: 90 * second }), { interactive: 0, other: 0 }, true, '2026-01-30T12:01:30.000Z'],
    [
      'the next day, a minute late, where the day is used up',
      ledger({ used: { minute: 0, day: 500, month: 500 } }),
      { interactive: 0, other: 0 },
      true,
      '2026-01-31T00:01:00.000Z',
    ],
    [
      'the next day for batch, where only the share of interactive work is left',
      ledger({ used: { minute: 0, day: 400, month: 400 } }),
      { interactive: 0, other: 0 },
      false,
      '2026-01-31T00:01:00.000Z',
    ],
    [
      'today for interactive work then',
      ledger({ used: { minute: 0, day: 400, month: 400 } }),
      { interactive: 0, other: 0 },
      true,
      '2026-01-30T12:00:00.000Z',
    ],
    [
      'the next month, where the month is used up',
      ledger({ used: { minute: 0, day: 0, month: 15_500 } }),
      { interactive: 0, other: 0 },
      true,
      '2026-02-01T00:01:00.000Z',
    ],
    [
      'over days and the end of the month',
      ledger({ limits: { minute: 1_000, day: 10, month: 1_000 }, used: { minute: 0, day: 0, month: 985 } }),
      { interactive: 20, other: 0 },
      true,
      '2026-02-01T00:01:00.000Z',
    ],
  ] as const)('%s', (_name, state, ahead, interactive, expected) => {
    expect(at(etaOf([state], ahead, interactive))).toBe(expected);
  });

  it('is told early where it is only to be known that it is late, however long the line', () => {
    const until = ledger().now + 3_600_000;
    expect(etaOf([ledger()], { interactive: 0, other: 1e12 }, false, until)).toBeGreaterThan(until);
    expect(etaOf([ledger()], { interactive: 4, other: 2 }, false, until)).toBe(etaOf([ledger()], { interactive: 4, other: 2 }, false));
  });

  it('is not known where no key can ask', () => {
    expect(etaOf([], { interactive: 0, other: 0 }, true)).toBeUndefined();
    expect(etaOf([ledger({ why: 'unauthorized', waitMs: 1 })], { interactive: 0, other: 0 }, true)).toBeUndefined();
    expect(etaOf([ledger({ share: 1 })], { interactive: 0, other: 0 }, false)).toBeUndefined();
  });

  it('counts on every key', () => {
    const one = ledger();
    expect(at(etaOf([one, ledger({ limits: { minute: 2, day: 2, month: 2 } })], { interactive: 5, other: 0 }, true))).toBe(
      '2026-01-30T12:00:00.000Z',
    );
    expect(at(etaOf([one], { interactive: 5, other: 0 }, true))).toBe('2026-01-30T12:01:06.000Z');
  });

  it('is what the rules of the ledger come to, second by second', () => {
    const small = (max: number) => fc.integer({ min: 1, max });
    const start = fc.integer({ min: 0, max: 3_600 }).map((s) => Date.UTC(2026, 0, 30, 23, 20) + s * second);
    const rules = fc.record({
      limits: fc.record({ minute: small(4), day: small(12), month: small(20) }),
      used: fc.record({ minute: fc.constant(0), day: fc.integer({ min: 0, max: 12 }), month: fc.integer({ min: 0, max: 20 }) }),
      share: fc.constantFrom(0, 0.2, 0.5),
      recentAges: fc.array(fc.integer({ min: 0, max: 65 }), { maxLength: 5 }),
    });
    const states = fc.tuple(start, fc.array(rules, { minLength: 1, maxLength: 2 })).map(([now, keys]) =>
      keys.map(({ recentAges, ...rest }) => {
        const recent = recentAges.sort((a, b) => b - a).map((age) => now - age * second);
        return ledger({ ...rest, now, recent });
      }),
    );
    const few = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(states, few, few, fc.boolean(), (keys, interactive, other, last) => {
        // The one that counts stands last: an interactive one has only interactive ones before it.
        const ahead = { interactive, other: last ? 0 : other };
        const slow = secondBySecond(keys, ahead, last);
        if (slow === 'later') expect(etaOf(keys, ahead, last) ?? Number.POSITIVE_INFINITY).toBeGreaterThan((keys[0]?.now ?? 0) + day);
        else expect(at(etaOf(keys, ahead, last))).toBe(at(slow));
      }),
      { numRuns: 60 },
    );
  });
});

/** The ledger's rules, applied by trying again every second for two days; every minute, where no window can open. */
function secondBySecond(states: readonly LedgerState[], ahead: { interactive: number; other: number }, last: boolean): number | 'later' {
  const line = [...Array<boolean>(ahead.interactive).fill(true), ...Array<boolean>(ahead.other).fill(false), last];
  const start = states[0]?.now ?? 0;
  const grants = states.map(({ recent }) => ({ window: [...recent], counted: [] as string[] }));
  const periodOf = (t: number, length: number): string => new Date(t - 60 * second).toISOString().slice(0, length);
  const quiet = (t: number): boolean => grants.every(({ window }) => window.every((g) => g < t - 70 * second));
  for (let t = start; t < start + 2 * day; t = quiet(t) ? (Math.floor(t / 60_000) + 1) * 60_000 : t + second) {
    const [today, month] = [periodOf(t, 10), periodOf(t, 7)];
    for (let key = 0; key < states.length && line.length > 0; ) {
      const { limits, used, share } = states[key]!;
      const { window, counted } = grants[key]!;
      const spent = (period: string, before: number): number =>
        counted.filter((g) => g.startsWith(period)).length + (periodOf(start, 10).startsWith(period) ? before : 0);
      const perDay = line[0] === true ? limits.day : Math.floor(limits.day * (1 - share));
      const open =
        window.filter((g) => g > t - 66 * second).length < limits.minute &&
        spent(today, used.day) < perDay &&
        spent(month, used.month) < limits.month;
      if (!open) {
        key += 1;
        continue;
      }
      window.push(t);
      counted.push(today);
      line.shift();
      if (line.length === 0) return t;
      key = 0;
    }
  }
  return 'later';
}
