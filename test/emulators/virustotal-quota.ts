/** What one key may ask. */
export interface QuotaLimits {
  readonly perMinute: number;
  readonly perDay: number;
  readonly perMonth: number;
}

/** What the public API allows. */
export const publicLimits: QuotaLimits = { perMinute: 4, perDay: 500, perMonth: 15_500 };

/**
 * One key's quota as documented: so many requests "in any given 1 minute time frame" (a sliding window), a day and a month that
 * begin at 00:00 UTC. Refused requests are not counted.
 */
export class KeyQuota {
  private times: number[] = [];
  private readonly used = { day: '', today: 0, month: '', thisMonth: 0 };

  constructor(
    private limits: QuotaLimits,
    /** How long a minute lasts; tests that cannot wait shorten it. */
    private readonly minuteMs = 60_000,
  ) {}

  /** Takes one request at `now` (ms since the epoch), or says no. */
  take(now: number): boolean {
    this.roll(now);
    const { perMinute, perDay, perMonth } = this.limits;
    if (this.since(now - this.minuteMs) >= perMinute || this.used.today >= perDay || this.used.thisMonth >= perMonth) return false;
    this.spend(now, 1);
    return true;
  }

  /** Requests of somebody else with the same key, all at once. */
  spend(now: number, count: number): void {
    this.roll(now);
    for (let n = 0; n < count; n += 1) this.times.push(now);
    this.used.today += count;
    this.used.thisMonth += count;
  }

  /** Another contract for this key. */
  allow(limits: QuotaLimits): void {
    this.limits = limits;
  }

  /** What is allowed and used, in the shape of API v3 ("Get a user's quota summary"). */
  summary(now: number): object {
    this.roll(now);
    const { perMinute, perDay, perMonth } = this.limits;
    return {
      api_requests_hourly: { user: { allowed: perMinute * 60, used: this.times.length } },
      api_requests_daily: { user: { allowed: perDay, used: this.used.today } },
      api_requests_monthly: { user: { allowed: perMonth, used: this.used.thisMonth } },
    };
  }

  private since(start: number): number {
    let first = this.times.length;
    while (first > 0 && (this.times[first - 1] ?? 0) > start) first -= 1;
    return this.times.length - first;
  }

  private roll(now: number): void {
    const expired = this.times.findIndex((at) => now - at < 60 * this.minuteMs);
    this.times.splice(0, expired < 0 ? this.times.length : expired);
    const date = new Date(now).toISOString();
    const [day, month] = [date.slice(0, 10), date.slice(0, 7)];
    if (this.used.day !== day) Object.assign(this.used, { day, today: 0 });
    if (this.used.month !== month) Object.assign(this.used, { month, thisMonth: 0 });
  }
}
