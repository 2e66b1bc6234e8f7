import type { Redis } from 'ioredis';
import { z } from 'zod';
import { sha256Schema } from '../playbooks/domain/artifact.js';
import { type Lookup, lookupSchema, type WantedHash } from '../playbooks/domain/lookup.js';
import type { Keys } from './keys.js';
import { jsonOf, parsed } from './parsed.js';

const askingSchema = jsonOf(z.array(z.tuple([sha256Schema, z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])])));
const seenSchema = jsonOf(lookupSchema);
/** No run waits for longer than a day, and what it has asked and seen by then is in its own record. */
const settledTtlSeconds = 2 * 86_400;

/** What a run has settled about its lookups while it waits: what it may ask about, and the answers that it has seen. */
export class RunLookups {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  /** The hashes that a step may ask about, best first, or undefined before they were chosen. */
  async asking(run: string, step: string): Promise<readonly WantedHash[] | undefined> {
    const text = await this.redis.hget(this.keys.asking(run), step);
    if (text === null) return undefined;
    return parsed(askingSchema, text, `what run ${run} asks about`).map(([sha256, rank]) => ({ sha256, rank }));
  }

  /** Writes down what a step may ask about, unless somebody was first, and returns what stands. */
  async choose(run: string, step: string, wanted: readonly WantedHash[]): Promise<readonly WantedHash[]> {
    const key = this.keys.asking(run);
    await this.redis.hsetnx(key, step, JSON.stringify(wanted.map(({ sha256, rank }) => [sha256, rank])));
    await this.redis.expire(key, settledTtlSeconds);
    return (await this.asking(run, step)) ?? wanted;
  }

  /**
   * The answers that the run has seen. An answer may be forgotten at the desk while the run waits for others; it is not asked for twice.
   * One that does not parse counts as not seen.
   */
  async seen(run: string, hashes: readonly string[]): Promise<ReadonlyMap<string, Lookup>> {
    if (hashes.length === 0) return new Map();
    const texts = await this.redis.hmget(this.keys.seen(run), ...hashes);
    const answers = texts.flatMap((text) => {
      const answer = text === null ? undefined : seenSchema.safeParse(text);
      return answer?.success === true ? [answer.data] : [];
    });
    return new Map(answers.map((answer) => [answer.sha256, answer]));
  }

  /** Keeps answers as the run first saw them. */
  async see(run: string, answers: Iterable<Lookup>): Promise<void> {
    const key = this.keys.seen(run);
    const writes = this.redis.pipeline();
    for (const answer of answers) writes.hsetnx(key, answer.sha256, JSON.stringify(answer));
    if (writes.length > 0) await writes.expire(key, settledTtlSeconds).exec();
  }
}
