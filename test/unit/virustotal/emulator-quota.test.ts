import { describe, expect, it } from 'vitest';
import { KeyQuota } from '../../emulators/virustotal-quota.js';

const noon = Date.UTC(2025, 0, 31, 12, 0, 0);

describe("the emulator's quota", () => {
  it('allows so many requests in any minute, not in a calendar minute', () => {
    const quota = new KeyQuota({ perMinute: 2, perDay: 100, perMonth: 100 });
    expect([quota.take(noon + 30_000), quota.take(noon + 50_000), quota.take(noon + 61_000)]).toEqual([true, true, false]);
    expect([quota.take(noon + 90_000), quota.take(noon + 100_000)]).toEqual([true, false]);
  });

  it('begins a day and a month at 00:00 UTC', () => {
    const quota = new KeyQuota({ perMinute: 100, perDay: 2, perMonth: 3 });
    const days = [0, 1, 2].map((hours) => noon + hours * 3_600_000);
    expect(days.map((at) => quota.take(at))).toEqual([true, true, false]);
    const nextMonth = Date.UTC(2025, 1, 1);
    expect([quota.take(nextMonth - 1), quota.take(nextMonth), quota.take(nextMonth + 86_400_000)]).toEqual([false, true, true]);
    expect([quota.take(nextMonth + 86_400_001), quota.take(nextMonth + 86_400_002)]).toEqual([true, false]);
  });

  it('says what is allowed and used, also what somebody else has used', () => {
    const quota = new KeyQuota({ perMinute: 4, perDay: 500, perMonth: 15_500 });
    quota.take(noon);
    quota.spend(noon + 1_000, 9);
    expect(quota.summary(noon + 2_000)).toEqual({
      api_requests_hourly: { user: { allowed: 240, used: 10 } },
      api_requests_daily: { user: { allowed: 500, used: 10 } },
      api_requests_monthly: { user: { allowed: 15_500, used: 10 } },
    });
    expect(quota.take(noon + 3_000)).toBe(false);
    expect(quota.summary(noon + 3_601_000)).toMatchObject({ api_requests_hourly: { user: { used: 0 } }, api_requests_daily: { user: { used: 10 } } });
  });

  it('can have a short minute', () => {
    const quota = new KeyQuota({ perMinute: 1, perDay: 9, perMonth: 9 }, 100);
    expect([noon, noon + 99, noon + 100].map((at) => quota.take(at))).toEqual([true, false, true]);
  });
});
