import type { Redis } from 'ioredis';
import type { Keys } from './keys.js';
import { quotaBlock, quotaReserve } from './scripts/quota-reserve.js';
import { runScript } from './scripts/script.js';

/** Requests that the source allows: in a minute, a UTC day, a UTC month. */
export interface QuotaLimits {
  readonly perMinute: number;
  readonly perDay: number;
  readonly perMonth: number;
  /** Share of the day that only interactive work may use, 0 to 1. Default 0.2. */
  readonly interactiveShare?: number;
}

export type RefusalReason = 'blocked' | 'burst' | 'day' | 'month';

/** What a reservation came to. A refusal says how long to wait. */
export type Reservation = { readonly granted: true } | { readonly granted: false; readonly waitMs: number; readonly why: RefusalReason };

/** The state of the quota, for people. */
export interface QuotaView {
  readonly limits: QuotaLimits;
  readonly used: { readonly minute: number; readonly day: number; readonly month: number };
  readonly left: { readonly minute: number; readonly day: number; readonly month: number };
  /** How long the next request would have to wait. */
  readonly waitMs: number;
}

/** VirusTotal's minute is counted when requests arrive, ours when they are reserved: 10 % more covers the way between. */
const defaultWindowMs = 66_000;
const rolloverMarginMs = 60_000;
const blockStepsMs = [60_000, 120_000, 300_000] as const;

/** The one ledger of requests to an intelligence source, shared by all workers. */
export class QuotaLedger {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly limits: QuotaLimits,
    private readonly windowMs: number = defaultWindowMs,
    private readonly blocksMs: readonly number[] = blockStepsMs,
  ) {}

  /** Takes one request out of the quota. Work that is not interactive leaves a share of the day to what is. */
  async reserve(interactive: boolean): Promise<Reservation> {
    const { interactiveShare = 0.2, perDay } = this.limits;
    const [what, waitMs, why] = await this.ask(interactive ? perDay : Math.floor(perDay * (1 - interactiveShare)), true);
    return what === 'granted' ? { granted: true } : { granted: false, waitMs: Number(waitMs), why: why as RefusalReason };
  }

  /** Closes the ledger after the source has refused a request: it does not say which of its limits was met. Returns for how long. */
  async block(): Promise<number> {
    const [, ms] = await runScript(this.redis, quotaBlock, [this.keys.ledger], this.blocksMs);
    return Number(ms);
  }

  /** Notes that the source answers again, so that the next refusal counts as the first. */
  async answered(): Promise<void> {
    await this.redis.hdel(this.keys.ledger, 'refusals');
  }

  /** What has been used and what is left. */
  async view(): Promise<QuotaView> {
    const { perMinute, perDay, perMonth } = this.limits;
    const [, waitMs, , minute, day, month] = (await this.ask(perDay, false)).map(Number);
    const used = { minute: minute ?? 0, day: day ?? 0, month: month ?? 0 };
    const left = (limit: number, spent: number): number => Math.max(0, limit - spent);
    return {
      limits: this.limits,
      used,
      left: { minute: left(perMinute, used.minute), day: left(perDay, used.day), month: left(perMonth, used.month) },
      waitMs: waitMs ?? 0,
    };
  }

  private ask(perDay: number, spend: boolean): Promise<readonly (string | number)[]> {
    const args = [this.limits.perMinute, this.windowMs, perDay, this.limits.perMonth, rolloverMarginMs, spend ? 1 : 0];
    return runScript(this.redis, quotaReserve, [this.keys.ledger, this.keys.recent], args);
  }
}
