import type { KeyObject } from 'node:crypto';
import { type CustodyEntry, checkEntry, custodyEntrySchema, rememberedIds } from '../domain/custody.js';
import { parseJson } from '../domain/json.js';
import { RecentMap } from '../domain/recent.js';
import type { Findings } from './findings.js';
import type { TextLine } from './text-lines.js';

/** What a key has signed of a chain. */
export interface SignedBy {
  entries: number;
  /** The first entry by it. */
  readonly first: number;
}

/**
 * Walks a chain from entry 0, and goes on after what is wrong: each place that does not hold is told once, and entries that are good by
 * themselves still count as signed.
 */
export class ChainWalk {
  /** Lines so far: the place of the next one. */
  #lines = 0;
  #seq = 0;
  /** Undefined where the entry before could not be read. */
  #prev: string | undefined = '';
  readonly #ids = new RecentMap<string, true>(rememberedIds);
  readonly #hashes = new Hashes();
  readonly signers = new Map<string, SignedBy>();

  /**
   * @param file what the chain is called in what is found
   * @param keys public keys by `kid`
   */
  constructor(
    private readonly run: string,
    private readonly keys: ReadonlyMap<string, KeyObject>,
    private readonly findings: Findings,
    private readonly file: string,
  ) {}

  /** Takes the next line. Gives its entry if hash and signature are good, wherever it stands. */
  add({ text, fault }: TextLine): CustodyEntry | undefined {
    const at = this.#lines;
    this.#lines += 1;
    this.findings.checked('chain');
    const entry = fault === undefined ? this.#next(text) : fault;
    if (typeof entry !== 'string') return this.#take(entry);
    this.findings.problem('chain', { file: this.file, seq: at }, entry);
    return this.#resume(text);
  }

  get entries(): number {
    return this.#lines;
  }

  /** The hash of an entry that was good. */
  hashAt(seq: number): string | undefined {
    return this.#hashes.get(seq);
  }

  #next(text: string): CustodyEntry | string {
    const prev = this.#prev ?? looseEntry(text)?.prev ?? '';
    return checkEntry(this.run, text, { seq: this.#seq, prev, ids: this.#ids }, this.keys);
  }

  /** Goes on with the place that this line claims for itself. */
  #resume(text: string): CustodyEntry | undefined {
    const claimed = looseEntry(text);
    if (claimed === undefined) {
      this.#seq += 1;
      this.#prev = undefined;
      return undefined;
    }
    const { seq, prev, hash } = claimed;
    const alone = checkEntry(this.run, text, { seq, prev, ids: new Set() }, this.keys);
    if (typeof alone !== 'string') return this.#take(alone);
    this.#seq += 1;
    this.#prev = hash;
    return undefined;
  }

  #take(entry: CustodyEntry): CustodyEntry {
    this.#seq = entry.seq + 1;
    this.#prev = entry.hash;
    this.#hashes.set(entry.seq, entry.hash);
    const signed = this.signers.get(entry.by);
    if (signed === undefined) this.signers.set(entry.by, { entries: 1, first: entry.seq });
    else signed.entries += 1;
    this.#ids.set(entry.id, true);
    return entry;
  }
}

function looseEntry(text: string): CustodyEntry | undefined {
  return custodyEntrySchema.safeParse(parseJson(text)).data;
}

/** A chain with gaps must not make room for more entries than it has; so many may be missing. */
const maxMissing = 10_000;

/** Hashes of entries by their number, 32 bytes each. */
class Hashes {
  #bytes = Buffer.alloc(32 * 1_024);
  #count = 0;
  #missing = 0;

  set(seq: number, hash: string): void {
    const missing = Math.max(0, seq - this.#count);
    if (this.#missing + missing > maxMissing) return;
    this.#missing += missing;
    while (32 * seq >= this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    this.#bytes.write(hash, 32 * seq, 'hex');
    this.#count = Math.max(this.#count, seq + 1);
  }

  get(seq: number): string | undefined {
    const hash = this.#bytes.toString('hex', 32 * seq, 32 * seq + 32);
    return seq < this.#count && !/^0+$/.test(hash) ? hash : undefined;
  }
}
