import type { Redis } from 'ioredis';
import type { Lookup } from '../playbooks/domain/lookup.js';
import { lookupSchema } from '../playbooks/domain/lookup.js';
import { priorities } from '../playbooks/domain/request.js';
import type { Keys } from './keys.js';
import { jsonOf } from './parsed.js';
import type { Queues } from './queues.js';

/** The queue with one job per hash, and the queue of the steps that wait for answers. */
export const lookupQueue = 'lookups';
const waitingQueue = 'intel';

/** What a lookup job carries. */
export interface LookupJob {
  readonly sha256: string;
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
const answerSchema = jsonOf(lookupSchema);
/** Who waits, and for what, is forgotten after a day: no run waits that long. */
const waitTtlSeconds = 86_400;

/** Where runs ask about hashes. A hash is asked about once, however many runs want to know. */
export class LookupDesk {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly queues: Queues,
    private readonly ttls: AnswerTtls = defaultTtls,
  ) {}

  /** The answers that are there. One that does not parse counts as not there, and is asked for again. */
  async answers(hashes: readonly string[]): Promise<ReadonlyMap<string, Lookup>> {
    if (hashes.length === 0) return new Map();
    const texts = await this.redis.mget(hashes.map((sha256) => this.keys.answer(sha256)));
    const found = new Map<string, Lookup>();
    texts.forEach((text) => {
      const answer = text === null ? undefined : answerSchema.safeParse(text);
      if (answer?.success === true) found.set(answer.data.sha256, answer.data);
    });
    return found;
  }

  /**
   * Asks about hashes for a waiting job; may be repeated at will. A lookup that waits already with a worse priority is lifted.
   * @param job id of the step's job, woken when its last answer comes
   */
  async ask(job: string, hashes: readonly string[], priority: number): Promise<void> {
    const marks = this.redis
      .pipeline()
      .sadd(this.keys.outstanding(job), ...hashes)
      .expire(this.keys.outstanding(job), waitTtlSeconds);
    for (const sha256 of hashes) marks.sadd(this.keys.askers(sha256), job).expire(this.keys.askers(sha256), waitTtlSeconds);
    await marks.exec();
    const lookups = this.queues.get(lookupQueue);
    const opts = {
      priority,
      attempts: lookupAttempts,
      backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
      removeOnComplete: true,
      removeOnFail: true,
    };
    await lookups.addBulk(hashes.map((sha256): LookupEntry => ({ name: 'lookup', data: { sha256 }, opts: { ...opts, jobId: lookupId(sha256) } })));
    await Promise.all(hashes.map((sha256) => this.lift(lookupId(sha256), priority)));
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
    await this.redis.set(this.keys.answer(lookup.sha256), JSON.stringify(lookup), 'EX', this.ttl(lookup));
    await this.announce(lookup.sha256);
  }

  /** Wakes the jobs for which this was the last answer that they waited for. */
  async announce(sha256: string): Promise<void> {
    const askers = await this.redis.smembers(this.keys.askers(sha256));
    await this.redis.del(this.keys.askers(sha256));
    await Promise.all(askers.map((job) => this.strike(job, sha256)));
  }

  private async strike(job: string, sha256: string): Promise<void> {
    await this.redis.srem(this.keys.outstanding(job), sha256);
    if ((await this.redis.scard(this.keys.outstanding(job))) === 0) await this.queues.wake(waitingQueue, job);
  }

  private async lift(id: string, priority: number): Promise<void> {
    if (priority !== priorities.interactive) return;
    try {
      const job = await this.queues.get(lookupQueue).getJob(id);
      if (job !== undefined && job.priority > priority) await job.changePriority({ priority });
    } catch {
      // Taken or answered meanwhile: it needs no lifting.
    }
  }

  private ttl({ status }: Lookup): number {
    if (status === 'error') return this.ttls.error;
    return status === 'unknown' ? this.ttls.unknown : this.ttls.found;
  }
}

interface LookupEntry {
  readonly name: string;
  readonly data: LookupJob;
  readonly opts: { jobId: string; priority: number; attempts: number; removeOnComplete: boolean; removeOnFail: boolean };
}

function lookupId(sha256: string): string {
  return `vt.${sha256}`;
}
