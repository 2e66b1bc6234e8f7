import type { Redis } from 'ioredis';
import { defaultInteractiveShare, type GivenLimits, publicLimits, type QuotaCounts, type ReportedQuota } from '../playbooks/domain/quota.js';
import type { Keys } from './keys.js';
import { quotaAnswered, quotaBlock, quotaRefuse, quotaReport } from './scripts/quota-notes.js';
import { quotaReserve } from './scripts/quota-reserve.js';
import { type Reply, runScript } from './scripts/script.js';

/** What an installation allows, and the share of the day that only interactive work may use, 0 to 1. Default 0.2. */
export interface QuotaLimits extends GivenLimits {
  readonly interactiveShare?: number | undefined;
}

export type RefusalReason = 'blocked' | 'burst' | 'day' | 'month';

/** Day and month of a ledger, as numbers that only it understands. */
export interface QuotaPeriod {
  readonly day: number;
  readonly month: number;
}

/** One request that may be sent now. */
export interface Grant {
  readonly granted: true;
  /** Id of the key to send it with. */
  readonly key: string;
  /** The source has refused this key: spend this on the question which window was used up. */
  readonly ask: boolean;
  readonly period: QuotaPeriod;
}

/** None may be sent. `trying`: somebody is finding out whether the source takes the key (again). */
export interface Refusal {
  readonly granted: false;
  readonly why: RefusalReason | 'trying' | 'unauthorized';
  readonly waitMs: number;
  /** How long interactive work would have to wait. */
  readonly urgentMs: number;
}

/** What one key's ledger holds. Times in milliseconds since the epoch, by Redis' clock. */
export interface LedgerState {
  readonly key: string;
  readonly now: number;
  readonly limits: QuotaCounts;
  readonly used: QuotaCounts;
  /** Share of the day that only interactive work may use. */
  readonly share: number;
  /** How long the ledger's minute is. */
  readonly windowMs: number;
  /** When the requests that still count in it were granted, oldest first. */
  readonly recent: readonly number[];
  /** How long the next interactive request has to wait. */
  readonly waitMs: number;
  readonly why?: Refusal['why'];
  readonly reportedAt?: number;
}

/** VirusTotal's minute is counted when requests arrive, ours when they are reserved: 10 % more covers the way between. */
const windowMs = 66_000;
/** Day and month begin so late: the source's clock may be behind. */
export const rolloverMarginMs = 60_000;
const minute = 60_000;
const defaultTimes = {
  windowMs,
  blocksMs: [1, 2, 5, 10, 20, 30].map((minutes) => minutes * minute),
  unauthorizedMs: 10 * minute,
  tryMs: 30_000,
  lookAgainMs: 250,
};
const keptMs = 40 * 24 * 60 * minute;

/** How long things count in a ledger, in milliseconds. Tests shorten them. */
export type LedgerTimes = Partial<typeof defaultTimes>;

/** The ledger of requests under one key of an intelligence source, shared by all workers. Methods throw `redis-unavailable`. */
export class QuotaLedger {
  private readonly times: typeof defaultTimes;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    readonly key: string,
    private readonly limits: QuotaLimits,
    times: LedgerTimes = {},
  ) {
    this.times = { ...defaultTimes, ...times };
  }

  /** Takes one request out of the quota. Work that is not interactive leaves a share of the day to what is. */
  async reserve(interactive: boolean): Promise<Grant | Refusal> {
    const reply = await this.look(interactive, true);
    const [what, waitMs, why, urgentMs] = reply;
    if (what === 'refused') return { granted: false, why: why as Refusal['why'], waitMs: Number(waitMs), urgentMs: Number(urgentMs) };
    return { granted: true, key: this.key, ask: what === 'ask', period: { day: Number(reply[10]), month: Number(reply[11]) } };
  }

  /** Closes the ledger after the source has refused a request: it does not say which of its limits was met. Returns for how long. */
  async block(): Promise<number> {
    const [, ms] = await this.note(quotaBlock, this.times.blocksMs);
    return Number(ms);
  }

  /** Closes the ledger after the source has refused the key itself, in these words. */
  async refuse(words: string): Promise<void> {
    await this.note(quotaRefuse, [this.times.unauthorizedMs, words]);
  }

  /** The words of the last {@link refuse}. */
  async refusal(): Promise<string | undefined> {
    return (await this.redis.hget(this.keys.ledger(this.key), 'unauthorized')) ?? undefined;
  }

  /** Notes that the source answers, so that the next refusal counts as the first. */
  async answered(): Promise<void> {
    await this.note(quotaAnswered, []);
  }

  /** Notes that a request was tried and nothing has come of it, so that the next may be tried. */
  async tried(): Promise<void> {
    await this.redis.hdel(this.keys.ledger(this.key), 'tryingUntil');
  }

  /**
   * Takes over what the source reports: its limits, and what was spent elsewhere. Of an hour it tells, of a minute it does not: a sixtieth.
   * @param period when it was asked for; what it says of a day or month that is over is not taken over
   */
  async report(period: QuotaPeriod, said: ReportedQuota | undefined): Promise<void> {
    const { hour, day, month } = said ?? {};
    const perMinute = hour === undefined ? '' : Math.max(1, Math.floor(hour.allowed / 60));
    const counts = [day?.allowed, day?.used, month?.allowed, month?.used].map((count) => count ?? '');
    await this.note(quotaReport, [said === undefined ? 0 : 1, period.day, period.month, perMinute, ...counts]);
  }

  /** What has been used and what may be. */
  async state(): Promise<LedgerState> {
    const [reply, recent] = await Promise.all([this.look(true, false), this.redis.zrange(this.keys.recent(this.key), '0', '-1', 'WITHSCORES')]);
    const [what, , why] = reply;
    const [waitMs = 0, , , minute = 0, day = 0, month = 0, perMinute = 0, perDay = 0, perMonth = 0, , , now = 0, reportedAt = 0] = reply
      .slice(1)
      .map(Number);
    return {
      key: this.key,
      now,
      limits: { minute: perMinute, day: perDay, month: perMonth },
      used: { minute, day, month },
      share: this.limits.interactiveShare ?? defaultInteractiveShare,
      windowMs: this.times.windowMs,
      recent: recent.filter((_, at) => at % 2 === 1).map(Number),
      waitMs,
      ...(what === 'refused' ? { why: why as Refusal['why'] } : {}),
      ...(reportedAt === 0 ? {} : { reportedAt }),
    };
  }

  private note(script: typeof quotaBlock, args: readonly (string | number)[]): Promise<Reply> {
    return runScript(this.redis, script, [this.keys.ledger(this.key)], args);
  }

  private look(interactive: boolean, spend: boolean): Promise<Reply> {
    const { perMinute, perDay, perMonth, interactiveShare: share = defaultInteractiveShare } = this.limits;
    const { windowMs: burstMs, tryMs, lookAgainMs } = this.times;
    const head = [burstMs, rolloverMarginMs, share, interactive ? 'interactive' : 'other', spend ? 1 : 0, tryMs, lookAgainMs, keptMs];
    const limits = [perMinute ?? '', publicLimits.minute, perDay ?? '', publicLimits.day, perMonth ?? '', publicLimits.month];
    return runScript(this.redis, quotaReserve, [this.keys.ledger(this.key), this.keys.recent(this.key)], [...head, ...limits]);
  }
}
