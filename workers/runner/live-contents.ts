import type { Redis } from 'ioredis';
import { RecentMap } from '../../playbooks/domain/recent.js';
import { ChainSigners } from '../../store/chain-index.js';
import type { Keys } from '../../store/keys.js';
import { ofRedis } from '../../store/of-redis.js';
import type { TrustedKeys } from '../../store/public-keys.js';
import type { Sealed } from '../../store/register-entries.js';
import type { RegisterWitness } from '../../store/register-witness.js';
import { keptOf, RunContents } from './run-contents.js';

/** While a run is open, a content is seen unreferenced for so long before it may go, in milliseconds: more than it takes to record what was put. */
const defaultQuietMs = 3_600_000;
/** Chains whose length is asked for at once. */
const page = 500;
/** So many contents are remembered as seen. */
const maxSighted = 100_000;

/** Where {@link LiveContents} looks. */
export interface LivePlace {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly trusted: TrustedKeys;
  readonly register: Pick<RegisterWitness, 'standing'>;
  readonly clock?: () => Date;
  readonly quietMs?: number;
}

/**
 * Which contents the runs refer to whose evidence nobody has destroyed, by what is signed: the register says which runs these are, and their
 * chains what they have recorded. References in Redis are not signed, and bytes do not go on their word alone.
 */
export class LiveContents {
  private readonly runs = new Map<string, RunContents>();
  private readonly signers: ChainSigners;
  /** content -> when it was first found unreferenced, in ms. */
  private readonly sighted = new RecentMap<string, number>(maxSighted);
  private isAnyOpen = true;

  constructor(private readonly place: LivePlace) {
    this.signers = new ChainSigners(place.trusted);
  }

  /**
   * Reads what has come since. A pass that ends before it is done is taken up by the next one.
   * @param until in ms; nothing is read after it
   * @returns whether all is read: nothing may go before
   * @throws TriageError `custody-broken` where the register or a chain does not hold, and what Redis throws
   */
  async advance(until: number): Promise<boolean> {
    const standing = await this.place.register.standing();
    for (const run of this.runs.keys()) if (!standing.has(run)) this.runs.delete(run);
    const all = [...standing];
    this.isAnyOpen = all.some(([, sealed]) => sealed === undefined);
    for (let from = 0; from < all.length; from += page) if (!(await this.read(all.slice(from, from + page), until))) return false;
    return true;
  }

  /** The runs that refer to a content. */
  referring(sha256: string): string[] {
    const wanted = keptOf(sha256);
    return [...this.runs].filter(([, contents]) => contents.has(wanted)).map(([run]) => run);
  }

  /** Whether an unreferenced content has been one for long enough: what an open run has put it may not have recorded yet. */
  isQuiet(sha256: string): boolean {
    const now = (this.place.clock ?? ((): Date => new Date()))().getTime();
    const since = this.sighted.get(sha256) ?? now;
    this.sighted.set(sha256, since);
    return !this.isAnyOpen || now - since >= (this.place.quietMs ?? defaultQuietMs);
  }

  /** Forgets when a content was seen: it has gone, or somebody refers to it. */
  settled(sha256: string): void {
    this.sighted.delete(sha256);
  }

  private async read(some: readonly (readonly [string, Sealed | undefined])[], until: number): Promise<boolean> {
    const lengths = await this.lengths(some.map(([run]) => run));
    for (const [at, [run, sealed]] of some.entries()) {
      const contents = this.runs.get(run) ?? new RunContents(run);
      this.runs.set(run, contents);
      if (contents.isRead(lengths[at] ?? 0, sealed)) continue;
      const { redis, keys } = this.place;
      if (!(await contents.readOn(redis, keys.custody(run), this.signers, { sealed, until }))) return false;
    }
    return true;
  }

  private async lengths(runs: readonly string[]): Promise<readonly number[]> {
    const { redis, keys } = this.place;
    const pipeline = redis.pipeline();
    for (const run of runs) pipeline.llen(keys.custody(run));
    const replies = (await ofRedis(() => pipeline.exec())) ?? [];
    return replies.map(([error, length]) => {
      if (error !== null) throw error;
      return Number(length);
    });
  }
}
