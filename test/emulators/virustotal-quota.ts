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
  private recent: number[] = [];
  private readonly used = { day: '', today: 0, month: '', thisMonth: 0 };

  constructor(private readonly limits: QuotaLimits) {}

  /** Takes one request at `now` (ms since the epoch), or says no. */
  take(now: number): boolean {
    this.roll(now);
    const { perMinute, perDay, perMonth } = this.limits;
    if (this.recent.length >= perMinute || this.used.today >= perDay || this.used.thisMonth >= perMonth) return false;
    this.recent.push(now);
    this.used.today += 1;
    this.used.thisMonth += 1;
    return true;
  }

  private roll(now: number): void {
    this.recent = this.recent.filter((at) => now - at < 60_000);
    const date = new Date(now).toISOString();
    const [day, month] = [date.slice(0, 10), date.slice(0, 7)];
    if (this.used.day !== day) Object.assign(this.used, { day, today: 0 });
    if (this.used.month !== month) Object.assign(this.used, { month, thisMonth: 0 });
  }
}
