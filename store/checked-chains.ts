import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';
import { ChainIndex, chainChunk } from './chain-index.js';
import type { ChainMemory } from './chain-memory.js';
import type { Keys } from './keys.js';
import type { TrustedKeys } from './public-keys.js';

const hashSchema = z.record(z.string(), z.string());
/** A HASH of Redis. */
export type Texts = z.output<typeof hashSchema>;
const linesSchema = z.array(z.string());
const firstSchema = z.string().nullable();

/** A chain and what stands beside it, at one moment. */
export interface Moment {
  readonly index: ChainIndex;
  /** Entry 0 as it stands in Redis now; null where there is no chain. */
  readonly first: string | null;
  /** The HASHes that were asked for. */
  readonly hashes: readonly Texts[];
}
/** The same as it came from Redis. */
type Read = Omit<Moment, 'index'> & { readonly lines: readonly string[] };

/** So much is remembered of all runs together. */
const maxRecords = 100_000;
const maxIndexes = 256;
const maxTries = 5;

/** The chains of runs, each entry read and checked once. All methods throw `custody-broken` and what Redis throws. */
export class CheckedChains {
  /** Most recently used last. */
  private readonly indexes = new Map<string, ChainIndex>();
  private readonly turns = new Map<string, Promise<unknown>>();

  /** @param memory what the writer of this process knows of chains */
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly trusted: TrustedKeys,
    private readonly memory?: ChainMemory,
  ) {}

  /** The chain and HASHes at one moment. */
  read(run: string, ...keys: readonly string[]): Promise<Moment> {
    return this.inTurn(run, async (index) => {
      for (;;) {
        const { lines, ...moment } = await this.momentOf(run, index.from, keys);
        await index.take(lines);
        if (lines.length <= chainChunk) {
          index.assertWhole();
          return { index, ...moment };
        }
        // A long one is first read without what stands beside it.
        await index.advance(this.redis, this.keys.custody(run));
      }
    });
  }

  /** The chain as it is now. */
  whole(run: string): Promise<ChainIndex> {
    return this.inTurn(run, async (index) => {
      await index.advance(this.redis, this.keys.custody(run));
      return index;
    });
  }

  private async momentOf(run: string, from: number, keys: readonly string[]): Promise<Read> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.transaction(run, from, keys);
      } catch (error) {
        // Of a connection that was cut in the middle of the answer: unlike single commands, ioredis does not send this one again.
        if (tries === maxTries || !(error instanceof Error && error.name === 'AbortError')) throw error;
      }
    }
  }

  private async transaction(run: string, from: number, keys: readonly string[]): Promise<Read> {
    const chain = this.keys.custody(run);
    const reading: ChainableCommander = this.redis
      .multi()
      .lindex(chain, 0)
      .lrange(chain, from, from + chainChunk);
    for (const key of keys) reading.hgetall(key);
    const [first, lines, ...hashes] = ((await reading.exec()) ?? []).map(([error, value]) => {
      if (error !== null) throw error;
      return value;
    });
    return { first: firstSchema.parse(first), lines: linesSchema.parse(lines), hashes: hashes.map((hash) => hashSchema.parse(hash)) };
  }

  /** Works on the index of a run, one after the other. */
  private async inTurn<T>(run: string, work: (index: ChainIndex) => Promise<T>): Promise<T> {
    const turn = (this.turns.get(run) ?? Promise.resolve()).then(() => this.work(run, work));
    const settled = turn.catch(() => undefined);
    this.turns.set(run, settled);
    try {
      return await turn;
    } finally {
      if (this.turns.get(run) === settled) this.turns.delete(run);
    }
  }

  private async work<T>(run: string, work: (index: ChainIndex) => Promise<T>): Promise<T> {
    const index = this.indexes.get(run) ?? new ChainIndex(run, this.trusted, undefined, this.memory);
    this.keep(run, index);
    try {
      const worked = await work(index);
      const { entries, head } = index.head;
      this.memory?.headSeen(run, { seq: entries, hash: head });
      return worked;
    } catch (error) {
      // It is read anew, as a key may come late; what was seen must be there all the same.
      this.indexes.set(run, new ChainIndex(run, this.trusted, index.memory, this.memory));
      throw error;
    }
  }

  private keep(run: string, index: ChainIndex): void {
    this.indexes.delete(run);
    this.indexes.set(run, index);
    let size = 0;
    for (const each of this.indexes.values()) size += each.size;
    for (const [oldest, { size: freed }] of this.indexes) {
      if (oldest === run || (size <= maxRecords && this.indexes.size <= maxIndexes)) return;
      this.indexes.delete(oldest);
      size -= freed;
    }
  }
}
