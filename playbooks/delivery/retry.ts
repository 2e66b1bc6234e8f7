const second = 1_000;
const hour = 3_600 * second;

/** How deliveries are tried again, in milliseconds. */
export const retryPlan = { firstMs: 5 * second, longestMs: hour, totalMs: 24 * hour } as const;

/** Where a delivery stands after an attempt that was not taken. Times in ms since the epoch. */
export interface Tried {
  /** How often it was tried, this time included. */
  readonly attempts: number;
  /** From when its 24 hours count. */
  readonly since: number;
  readonly now: number;
  /** What the endpoint asks for. */
  readonly retryAfterMs?: number;
}

/**
 * When to try again: after 5 s, twice as long each time up to an hour, by chance up to half less, so that those who failed together do not come back
 * together. What the endpoint asks for counts if it is longer. The last attempt is made when the 24 hours are over.
 * @param chance from 0 to 1
 * @returns ms since the epoch; undefined: it was tried for long enough
 */
export function nextTry({ attempts, since, now, retryAfterMs = 0 }: Tried, chance = Math.random()): number | undefined {
  const end = since + retryPlan.totalMs;
  if (now >= end) return undefined;
  const doubled = Math.min(retryPlan.longestMs, retryPlan.firstMs * 2 ** Math.min(attempts - 1, 20));
  const wait = Math.max(retryPlan.firstMs, doubled * (1 - chance / 2), retryAfterMs);
  return Math.min(end, Math.round(now + wait));
}
