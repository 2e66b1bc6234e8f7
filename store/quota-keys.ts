import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { IntelKey } from '../playbooks/ports.js';
import type { Keys } from './keys.js';
import { jsonOf } from './parsed.js';
import { type Grant, type LedgerState, type LedgerTimes, QuotaLedger, type QuotaLimits, type Refusal } from './quota.js';

const limit = z.number().optional();
const registeredSchema = jsonOf(
  z.object({
    source: z.string(),
    limits: z.object({ perMinute: limit, perDay: limit, perMonth: limit, interactiveShare: limit }),
    windowMs: limit,
    seenAt: z.number(),
  }),
);
/** A key that no worker has had for so long is forgotten. */
const forgottenMs = 24 * 60 * 60_000;
const askedForMs = 60 * 60_000;

/** The keys of a worker, each with its own ledger. */
export class QuotaKeys {
  private readonly ledgers: ReadonlyMap<string, QuotaLedger>;
  private readonly limits: ReadonlyMap<string, QuotaLimits>;
  private readonly silent = new Set<string>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    mine: readonly IntelKey[],
    common: QuotaLimits,
    private readonly times: LedgerTimes = {},
  ) {
    this.limits = new Map(mine.map(({ id, limits }) => [id, { ...common, ...limits }]));
    this.ledgers = new Map([...this.limits].map(([id, limits]) => [id, new QuotaLedger(redis, keys, id, limits, times)]));
  }

  /** The words in which the source refused these keys. */
  async refusal(): Promise<string | undefined> {
    const words = await Promise.all(this.all.map((ledger) => ledger.refusal()));
    return words.find((each) => each !== undefined);
  }

  /** True once for each key: that a source does not report a quota is said once. */
  firstSilence(key: string): boolean {
    const first = !this.silent.has(key);
    this.silent.add(key);
    return first;
  }

  get all(): readonly QuotaLedger[] {
    return [...this.ledgers.values()];
  }

  /** The ledger of one of these keys. */
  of(key: string): QuotaLedger {
    const ledger = this.ledgers.get(key);
    if (ledger === undefined) throw new RangeError('no such key');
    return ledger;
  }

  /** One request under the first key that grants it, else the wait for the first that will. `unauthorized` only when no key is left. */
  async reserve(interactive: boolean): Promise<Grant | Refusal> {
    let soonest: Refusal | undefined;
    for (const ledger of this.all) {
      const answer = await ledger.reserve(interactive);
      if (answer.granted) return answer;
      soonest = soonest === undefined ? answer : sooner(soonest, answer);
    }
    return soonest ?? { granted: false, why: 'unauthorized', waitMs: 0, urgentMs: 0 };
  }

  /** Shows that these keys are in use, and what they may do, to those who do not have them. */
  async announce(source: string): Promise<void> {
    const seenAt = await redisNow(this.redis);
    const entries = [...this.limits].map(([id, limits]): [string, string] => [
      id,
      JSON.stringify({ source, limits, windowMs: this.times.windowMs, seenAt }),
    ]);
    if (entries.length > 0) await this.redis.hset(this.keys.quotaKeys, new Map(entries));
  }

  /** True for one of all workers, once an hour: it is the one to ask the source about this key's quota. */
  async mayAsk(key: string): Promise<boolean> {
    return (await this.redis.set(this.keys.quotaAsked(key), '1', 'PX', askedForMs, 'NX')) === 'OK';
  }

  /** Gives the turn of {@link mayAsk} back: the ledger did not allow the request. */
  async couldNotAsk(key: string): Promise<void> {
    await this.redis.del(this.keys.quotaAsked(key));
  }
}

/** The state of every key that a worker has had within a day, by id. The keys themselves are not needed. Throws `redis-unavailable`. */
export async function quotaStates(redis: Redis, keys: Keys): Promise<{ source: string | undefined; states: LedgerState[] }> {
  const [registered, now] = await Promise.all([redis.hgetall(keys.quotaKeys), redisNow(redis)]);
  const entries = Object.entries(registered).map(([id, text]) => ({ id, known: registeredSchema.safeParse(text).data }));
  const gone = entries.filter(({ known }) => known === undefined || now - known.seenAt > forgottenMs).map(({ id }) => id);
  if (gone.length > 0) await redis.hdel(keys.quotaKeys, ...gone);
  const live = entries.flatMap(({ id, known }) => (known === undefined || gone.includes(id) ? [] : [{ id, ...known }]));
  live.sort((a, b) => (a.id < b.id ? -1 : 1));
  const states = await Promise.all(
    live.map(({ id, limits, windowMs }) => new QuotaLedger(redis, keys, id, limits, windowMs === undefined ? {} : { windowMs }).state()),
  );
  return { source: live[0]?.source, states };
}

/** A key that the source does not accept is no reason to wait for it while there are others. */
function sooner(a: Refusal, b: Refusal): Refusal {
  if (a.why === 'unauthorized' || b.why === 'unauthorized') {
    if (a.why === b.why) return a.waitMs <= b.waitMs ? a : b;
    return a.why === 'unauthorized' ? b : a;
  }
  const urgentMs = Math.min(a.urgentMs, b.urgentMs);
  return a.waitMs <= b.waitMs ? { ...a, urgentMs } : { ...b, urgentMs };
}

async function redisNow(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
  return seconds * 1_000 + Math.floor(micros / 1_000);
}
