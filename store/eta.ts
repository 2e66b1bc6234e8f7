import type { LedgerState } from './quota.js';
import { rolloverMarginMs } from './quota.js';

/** How many requests are ahead of one in the queue, by what share of the day they may use. */
export interface Ahead {
  readonly interactive: number;
  readonly other: number;
}

const dayMs = 86_400_000;

/**
 * When a request will be granted that has so many others before it, if nobody else asks; milliseconds since the epoch. Pure: it goes through
 * the ledgers' rules, request by request.
 * @param interactive whether the request itself is
 * @param until what comes later need not be told exactly: the answer is then any time after it. A line of months is long to go through
 * @returns undefined when no key can ask
 */
export function etaOf(states: readonly LedgerState[], ahead: Ahead, interactive: boolean, until = Number.POSITIVE_INFINITY): number | undefined {
  const keys = states.filter(usable).map((state) => new SimulatedKey(state));
  for (let n = 0; n < ahead.interactive + ahead.other; n += 1) {
    const at = grantOne(keys, n < ahead.interactive);
    if (at !== undefined && at > until) return at;
  }
  return grantOne(keys, interactive);
}

function usable({ why, limits }: LedgerState): boolean {
  return why !== 'unauthorized' && limits.minute > 0 && limits.day > 0 && limits.month > 0;
}

function grantOne(keys: readonly SimulatedKey[], interactive: boolean): number | undefined {
  const free = keys.map((key) => ({ key, at: key.nextAt(interactive) })).filter(({ at }) => Number.isFinite(at));
  const first = free.reduce<(typeof free)[number] | undefined>((best, each) => (best === undefined || each.at < best.at ? each : best), undefined);
  first?.key.take(first.at);
  return first?.at;
}

/** One ledger, in thought. */
class SimulatedKey {
  private readonly recent: number[];
  private readonly used: { day: number; month: number };
  private day: number;
  private now: number;

  constructor(private readonly state: LedgerState) {
    this.recent = [...state.recent];
    this.used = { day: state.used.day, month: state.used.month };
    this.day = dayOf(state.now);
    const shut = state.why === 'blocked' || state.why === 'trying';
    this.now = state.now + (shut ? state.waitMs : 0);
  }

  /** The first moment at which a request would be granted; infinite when none ever is. */
  nextAt(interactive: boolean): number {
    const { limits, share, windowMs } = this.state;
    const perDay = interactive ? limits.day : Math.floor(limits.day * (1 - share));
    if (perDay <= 0) return Number.POSITIVE_INFINITY;
    const frees = this.recent[this.recent.length - limits.minute];
    const at = frees === undefined ? this.now : Math.max(this.now, frees + windowMs);
    const used = this.usedAt(at);
    if (used.month >= limits.month) return startOf(firstOfNextMonth(dayOf(at)));
    return used.day >= perDay ? startOf(dayOf(at) + 1) : at;
  }

  take(at: number): void {
    const used = this.usedAt(at);
    this.used.day = used.day + 1;
    this.used.month = used.month + 1;
    this.day = dayOf(at);
    this.now = at;
    this.recent.push(at);
    if (this.recent.length > this.state.limits.minute) this.recent.splice(0, this.recent.length - this.state.limits.minute);
  }

  private usedAt(at: number): { day: number; month: number } {
    const day = dayOf(at);
    return { day: day === this.day ? this.used.day : 0, month: monthOf(day) === monthOf(this.day) ? this.used.month : 0 };
  }
}

/** The day of a ledger: it begins late. */
function dayOf(at: number): number {
  return Math.floor((at - rolloverMarginMs) / dayMs);
}

function startOf(day: number): number {
  return day * dayMs + rolloverMarginMs;
}

function monthOf(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 7);
}

function firstOfNextMonth(day: number): number {
  const date = new Date(day * dayMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / dayMs;
}
