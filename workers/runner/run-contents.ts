import type { Redis } from 'ioredis';
import { type CustodyEntry, checkEntry } from '../../playbooks/domain/custody.js';
import type { TriageError } from '../../playbooks/domain/error.js';
import { brokenChain, type ChainSigners, chainChunk } from '../../store/chain-index.js';
import type { Sealed } from '../../store/register-entries.js';

/** Bytes of a digest that are kept: so many that nobody can make two contents that have them in common. */
const kept = 16;

/** What is kept of a digest. */
export function keptOf(sha256: string): Buffer {
  return Buffer.from(sha256.slice(0, 2 * kept), 'hex');
}

/**
 * The contents that one run refers to, by the signed entries of its chain: all that it has recorded as an artifact (files, listings, reports and
 * answers alike), and the answers that it has taken. Each entry is checked once, as the chain grows; a few bytes a content are kept.
 */
export class RunContents {
  private seen = 0;
  private last: { readonly line: string; readonly hash: string } | undefined;
  /** Digests one after the other, in order. */
  private digests: Buffer = Buffer.alloc(0);

  constructor(private readonly run: string) {}

  /** Whether the run refers to a content, see {@link keptOf}. */
  has(wanted: Buffer): boolean {
    let [from, to] = [0, this.digests.length / kept];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const order = this.digests.compare(wanted, 0, kept, middle * kept, (middle + 1) * kept);
      if (order === 0) return true;
      if (order < 0) from = middle + 1;
      else to = middle;
    }
    return false;
  }

  /** Whether all is read of a chain of this length. Throws `custody-broken` for one that was longer, or that the register has seen longer. */
  isRead(length: number, sealed: Sealed | undefined): boolean {
    const least = Math.max(this.seen, (sealed?.seq ?? 0) + 1);
    if (length < least) throw brokenChain(this.run, `it has ${length} entries, and must have ${least} at least`);
    return length === this.seen;
  }

  /** Reads on to the end of the chain. Returns false when it was not there by then. Throws `custody-broken`. */
  async readOn(
    redis: Redis,
    chain: string,
    signers: ChainSigners,
    { sealed, until }: { sealed: Sealed | undefined; until: number },
  ): Promise<boolean> {
    const found: string[] = [];
    try {
      while (Date.now() < until) {
        // With the last one that was seen, to see it again.
        const from = Math.max(0, this.seen - 1);
        const lines = await redis.lrange(chain, from, from + chainChunk);
        if (this.last !== undefined && lines[0] !== this.last.line) throw this.broken(from, 'is gone or was rewritten after it had been checked');
        for (const line of this.last === undefined ? lines : lines.slice(1)) found.push(...contentsOf(await this.next(line, signers, sealed)));
        if (lines.length <= chainChunk) return true;
      }
      return false;
    } finally {
      this.keep(found);
    }
  }

  private async next(line: string, signers: ChainSigners, sealed: Sealed | undefined): Promise<CustodyEntry> {
    await signers.learn(line);
    // An entry says its place: none can be there twice.
    const entry = checkEntry(this.run, line, { seq: this.seen, prev: this.last?.hash ?? '', ids: new Set() }, signers.keys);
    if (typeof entry === 'string') throw this.broken(this.seen, entry);
    if (entry.seq === sealed?.seq && entry.hash !== sealed.head) throw this.broken(entry.seq, 'is not the one that the register says');
    this.seen += 1;
    this.last = { line, hash: entry.hash };
    return entry;
  }

  private keep(found: readonly string[]): void {
    if (found.length === 0) return;
    const size = this.digests.length / kept;
    const before = Array.from({ length: size }, (_, at) => this.digests.toString('hex', at * kept, (at + 1) * kept));
    const all = new Set([...before, ...found.map((sha256) => sha256.slice(0, 2 * kept))]);
    this.digests = Buffer.from([...all].sort().join(''), 'hex');
  }

  private broken(seq: number, problem: string): TriageError {
    return brokenChain(this.run, `entry ${seq} ${problem}`);
  }
}

function contentsOf({ act, detail }: CustodyEntry): string[] {
  const sha256 = act === 'artifact.stored' || act === 'artifact.known' ? detail['sha256'] : act === 'lookup.answered' ? detail['answer'] : undefined;
  return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? [sha256] : [];
}
