import { sha256Hex } from './custody.js';

/** Requests in a minute, a UTC day and a UTC month. */
export interface QuotaCounts {
  readonly minute: number;
  readonly day: number;
  readonly month: number;
}

/** Limits that an installation has set. They are ceilings; what is not set follows what the source reports, else the public API's limits. */
export interface GivenLimits {
  readonly perMinute?: number | undefined;
  readonly perDay?: number | undefined;
  readonly perMonth?: number | undefined;
}

/** VirusTotal's public API ("Public vs Premium API"): 4 requests a minute, 500 a day, 15,500 a month. */
export const publicLimits: QuotaCounts = { minute: 4, day: 500, month: 15_500 };

/** The share of a day that only interactive work may use. */
export const defaultInteractiveShare = 0.2;

/** What a source says of one window of a key. */
export interface ReportedCount {
  readonly allowed: number;
  readonly used: number;
}

/** What a source says of the budget of a key. Windows of which it says nothing are absent. */
export interface ReportedQuota {
  readonly hour?: ReportedCount;
  readonly day?: ReportedCount;
  readonly month?: ReportedCount;
}

/** Names a key without telling it: the first 12 hex digits of its sha256. Keys are long and random, so that nobody can guess them from it. */
export function keyId(key: string): string {
  return sha256Hex(key).slice(0, 12);
}
