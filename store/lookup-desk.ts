import type { JobsOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Lookup, WantedHash } from '../playbooks/domain/lookup.js';
import { lookupSchema } from '../playbooks/domain/lookup.js';
import { priorities } from '../playbooks/domain/request.js';
import type { Keys } from './keys.js';
import { etaText, isInteractive, lastPlace, lookupId, type WaitingLookup, waitingLookups } from './lookup-line.js';
import type { Queues } from './queues.js';
import { quotaStates } from './quota-keys.js';
import { lookupTurn } from './scripts/lookup-turn.js';
import { runScript } from './scripts/script.js';
import type { SignedTexts, TextPlace } from './signed-text.js';

/** The queue with one job per hash, and the queue of the steps that wait for answers. */
export const lookupQueue = 'lookups';
const waitingQueue = 'intel';

/** What a lookup job carries. */
export interface LookupJob {
  readonly sha256: string;
}

/** A lookup that a worker holds: its job's id, and when BullMQ handed it out. */
export interface ActiveLookup {
  readonly id: string;
  readonly processedOn: number;
}

/** How long answers are kept, in seconds. */
export interface AnswerTtls {
  readonly found: number;
  readonly unknown: number;
  /** Terminal errors are answers too, or waiting runs would ask for ever. */
  readonly error: number;
}

const defaultTtls: AnswerTtls = { found: 86_400, unknown: 3_600, error: 60 };
const lookupAttempts = 4;
/** Who waits, and for what, is remembered longer than the wait for a new month can be. */
const waitTtlSeconds = 40 * 86_400;
/** Lookups that are due later than this were parked, and are not only between two attempts. */
const parkedMs = 15_000;
/** A lookup that was handed out so long ago and has no request yet has lost its worker. */
const handedOutMs = 2_000;

/** Where runs ask about hashes. A hash is asked about once, however many runs want to know. */
export class LookupDesk {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly queues: Queues,
    private readonly texts: SignedTexts,
    private readonly ttls: AnswerTtls = defaultTtls,
  ) {}

  /** The answers that are there. One that no worker has signed for this hash counts as not there, and is asked for again. */
  async answers(hashes: readonly string[]): Promise<ReadonlyMap<string, Lookup>> {
    if (hashes.length === 0) return new Map();
    const texts = await this.redis.mget(hashes.map((sha256) => this.keys.answer(sha256)));
    const found = new Map<string, Lookup>();
    for (const [at, sha256] of hashes.entries()) {
      const drop = (): Promise<unknown> => this.redis.del(this.keys.answer(sha256));
      const answer = await this.texts.read(answerPlace(sha256), lookupSchema, texts[at], drop);
      if (answer !== undefined) found.set(sha256, answer);
    }
    return found;
  }

  /**
   * Asks about hashes for a waiting job; may be repeated at will. A lookup that waits with a worse priority is lifted, and for interactive
   * work also taken out of its parking.
   * @param job id of the step's job, woken when its last answer comes; any other text protects the lookup from {@link leave}
   */
  async ask(job: string, wanted: readonly WantedHash[], priority: keyof typeof priorities): Promise<void> {
    if (wanted.length === 0) return;
    const ranked = new Map(wanted.map(({ sha256, rank }) => [sha256, priorities[priority] + rank]));
    const hashes = [...ranked.keys()];
    await this.mark(job, hashes);
    const lookups = this.queues.get(lookupQueue);
    const waiting = await waitingLookups(this.redis, lookups, hashes);
    const absent = waiting.filter((lookup) => lookup.priority === undefined);
    await lookups.addBulk(absent.map(({ sha256 }) => lookupEntry(sha256, ranked.get(sha256) ?? priorities[priority])));
    await Promise.all(waiting.map((lookup) => this.lift(lookup, ranked.get(lookup.sha256) ?? priorities[priority])));
  }

  /**
   * Takes back what a job has asked for: lookups that nobody else waits for, nor watches, leave the queue, unless they are in flight.
   * May be repeated at will.
   */
  async leave(job: string): Promise<void> {
    const hashes = await this.redis.smembers(this.keys.outstanding(job));
    const marks = this.redis.pipeline().del(this.keys.outstanding(job));
    for (const sha256 of hashes) marks.srem(this.keys.askers(sha256), job).exists(this.keys.askers(sha256), this.keys.watchers(sha256));
    const replies = (await marks.exec()) ?? [];
    const alone = hashes.filter((_, at) => replies[2 + at * 2]?.[1] === 0);
    const lookups = this.queues.get(lookupQueue);
    // BullMQ does not remove a job that a worker holds.
    await Promise.all(alone.map((sha256) => lookups.remove(lookupId(sha256))));
  }

  /** Whether somebody has asked about a hash, and there is no answer yet. */
  async waits(sha256: string): Promise<boolean> {
    return (await this.redis.exists(this.queues.get(lookupQueue).toKey(lookupId(sha256)))) === 1;
  }

  /**
   * When the last of these hashes will have been asked about, if nobody asks for more. Undefined when none waits, or no key can ask. ISO 8601.
   * @param until in ms since the epoch; of what comes later only that it does need be right
   */
  async eta(hashes: readonly string[], until?: number): Promise<string | undefined> {
    if (hashes.length === 0) return undefined;
    const place = await lastPlace(this.redis, this.queues.get(lookupQueue), hashes);
    if (place === undefined) return undefined;
    return etaText((await quotaStates(this.redis, this.keys)).states, place, until);
  }

  /**
   * Whether this lookup may take the next request: not while a better one is in other hands without its request (`wait`), or in the queue
   * (`yield`: so this one belongs there, too).
   */
  async turn(lookup: ActiveLookup): Promise<'go' | 'wait' | 'yield'> {
    const queue = this.queues.get(lookupQueue);
    const args = [queue.toKey(''), this.keys.granted(''), lookup.id, Date.now() - handedOutMs];
    const [turn] = await runScript(this.redis, lookupTurn, [queue.toKey('active'), queue.toKey('prioritized')], args);
    return turn as 'go' | 'wait' | 'yield';
  }

  /** Notes that a lookup has been granted its request, so that nobody waits for it. */
  async granted({ id, processedOn }: ActiveLookup): Promise<void> {
    await this.redis.set(this.keys.granted(id), String(processedOn), 'PX', handedOutMs);
  }

  /** The hashes that a job has asked for and has no answer to; those that were answered meanwhile are struck off. */
  async outstanding(job: string): Promise<readonly string[]> {
    const key = this.keys.outstanding(job);
    const hashes = await this.redis.smembers(key);
    const answered = await this.answers(hashes);
    if (answered.size > 0) await this.redis.srem(key, ...answered.keys());
    return hashes.filter((sha256) => !answered.has(sha256));
  }

  /** Forgets what a job waits for. */
  async settle(job: string): Promise<void> {
    await this.redis.del(this.keys.outstanding(job));
  }

  /** Keeps an answer and wakes the jobs whose last it was. */
  async keep(lookup: Lookup): Promise<void> {
    const ttl = this.ttl(lookup);
    await this.redis.set(this.keys.answer(lookup.sha256), this.texts.sign(answerPlace(lookup.sha256), lookup, ttl), 'EX', ttl);
    await this.announce(lookup.sha256);
  }

  /** Wakes the jobs for which this was the last answer that they waited for. */
  async announce(sha256: string): Promise<void> {
    const key = this.keys.askers(sha256);
    const taken = await this.redis.multi().smembers(key).del(key).exec();
    const askers = z.array(z.string()).parse(taken?.[0]?.[1]);
    if (askers.length === 0) return;
    const strikes = this.redis.pipeline();
    for (const job of askers) strikes.srem(this.keys.outstanding(job), sha256).scard(this.keys.outstanding(job));
    const left = (await strikes.exec()) ?? [];
    const done = askers.filter((_, at) => left[at * 2 + 1]?.[1] === 0);
    await Promise.all(done.map((job) => this.queues.wake(waitingQueue, job)));
  }

  private async mark(job: string, hashes: readonly string[]): Promise<void> {
    const marks = this.redis
      .pipeline()
      .sadd(this.keys.outstanding(job), ...hashes)
      .expire(this.keys.outstanding(job), waitTtlSeconds);
    for (const sha256 of hashes) marks.sadd(this.keys.askers(sha256), job).expire(this.keys.askers(sha256), waitTtlSeconds);
    await marks.exec();
  }

  private async lift({ sha256, priority: now, delayed }: WaitingLookup, priority: number): Promise<void> {
    const parked = isInteractive(priority) && delayed !== undefined && delayed.due - Date.now() > parkedMs;
    if (now === undefined || (now <= priority && !parked)) return;
    try {
      const job = await this.queues.get(lookupQueue).getJob(lookupId(sha256));
      if (now > priority) await job?.changePriority({ priority });
      if (parked) await job?.promote();
    } catch {
      // Taken or answered meanwhile: it needs no lifting.
    }
  }

  private ttl({ status }: Lookup): number {
    if (status === 'error') return this.ttls.error;
    return status === 'unknown' ? this.ttls.unknown : this.ttls.found;
  }
}

function answerPlace(sha256: string): TextPlace {
  return { purpose: 'answer', about: sha256 };
}

interface LookupEntry {
  readonly name: string;
  readonly data: LookupJob;
  readonly opts: JobsOptions;
}

function lookupEntry(sha256: string, priority: number): LookupEntry {
  const backoff = { type: 'exponential', delay: 1_000, jitter: 0.5 };
  const opts = { jobId: lookupId(sha256), priority, attempts: lookupAttempts, backoff, removeOnComplete: true, removeOnFail: true };
  return { name: 'lookup', data: { sha256 }, opts };
}
