import type { Redis } from 'ioredis';
import { z } from 'zod';
import { sha256Schema } from '../playbooks/domain/artifact.js';
import { type Lookup, lookupSchema, type WantedHash } from '../playbooks/domain/lookup.js';
import type { Keys } from './keys.js';
import type { SignedTexts, TextPlace } from './signed-text.js';

const askingSchema = z.array(z.tuple([sha256Schema, z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])]));
/** No run waits for longer than a day, and what it has asked and seen by then is in its own record. */
const settledTtlSeconds = 2 * 86_400;
/** Stands where a step's name would. */
const sinceField = '@since';

/**
 * What a run has settled about its lookups while it waits: what it may ask about, since when, and the answers that it has seen. All of it is
 * signed: what is not counts as not there.
 */
export class RunLookups {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly texts: SignedTexts,
  ) {}

  /** The hashes that a step may ask about, best first, or undefined before they were chosen. */
  async asking(run: string, step: string): Promise<readonly WantedHash[] | undefined> {
    const asking = await this.settled(askingPlace(run, step), askingSchema, step);
    return asking?.map(([sha256, rank]) => ({ sha256, rank }));
  }

  /** Writes down what a step may ask about, unless somebody was first, and returns what stands. */
  async choose(run: string, step: string, wanted: readonly WantedHash[]): Promise<readonly WantedHash[]> {
    const asking = wanted.map(({ sha256, rank }) => [sha256, rank]);
    await this.settle(askingPlace(run, step), step, asking);
    return (await this.asking(run, step)) ?? wanted;
  }

  /** When the run first waited for answers about its hashes, or undefined. ISO 8601. */
  askedSince(run: string): Promise<string | undefined> {
    return this.settled(sincePlace(run), z.iso.datetime(), sinceField);
  }

  /** The same; from `now` on, if it never did. */
  async askSince(run: string, now: string): Promise<string> {
    await this.settle(sincePlace(run), sinceField, now);
    return (await this.askedSince(run)) ?? now;
  }

  /** The answers that the run has seen. An answer may be forgotten at the desk while the run waits for others; it is not asked for twice. */
  async seen(run: string, hashes: readonly string[]): Promise<ReadonlyMap<string, Lookup>> {
    if (hashes.length === 0) return new Map();
    const texts = await this.redis.hmget(this.keys.seen(run), ...hashes);
    const seen = new Map<string, Lookup>();
    for (const [at, sha256] of hashes.entries()) {
      const drop = (): Promise<unknown> => this.redis.hdel(this.keys.seen(run), sha256);
      const answer = await this.texts.read(seenPlace(run, sha256), lookupSchema, texts[at], drop);
      if (answer !== undefined) seen.set(sha256, answer);
    }
    return seen;
  }

  /** Keeps answers as the run first saw them. */
  async see(run: string, answers: Iterable<Lookup>): Promise<void> {
    const key = this.keys.seen(run);
    const writes = this.redis.pipeline();
    for (const answer of answers) writes.hsetnx(key, answer.sha256, this.texts.sign(seenPlace(run, answer.sha256), answer, settledTtlSeconds));
    if (writes.length > 0) await writes.expire(key, settledTtlSeconds).exec();
  }

  private async settled<T extends z.ZodType>(place: TextPlace, schema: T, field: string): Promise<z.output<T> | undefined> {
    const key = this.keys.asking(place.run ?? '');
    return this.texts.read(place, schema, await this.redis.hget(key, field), () => this.redis.hdel(key, field));
  }

  private async settle(place: TextPlace, field: string, value: unknown): Promise<void> {
    const key = this.keys.asking(place.run ?? '');
    await this.redis.hsetnx(key, field, this.texts.sign(place, value, settledTtlSeconds));
    await this.redis.expire(key, settledTtlSeconds);
  }
}

function askingPlace(run: string, step: string): TextPlace {
  return { purpose: 'asking', about: `${run} ${step}`, run };
}

function sincePlace(run: string): TextPlace {
  return { purpose: 'asked-since', about: run, run };
}

function seenPlace(run: string, sha256: string): TextPlace {
  return { purpose: 'seen', about: `${run} ${sha256}`, run };
}
