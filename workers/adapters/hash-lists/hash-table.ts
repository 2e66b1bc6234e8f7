/** Bytes of a sha256. */
export const hashBytes = 32;
/** Hashes lie together by their first two bytes. */
const buckets = 65_536;

/** How many hashes there are of each two first bytes: what a table is laid out by. */
export class HashCounts {
  readonly of = new Uint32Array(buckets);
  all = 0;

  add(hash: Uint8Array): void {
    const bucket = bucketOf(hash);
    this.of[bucket] = (this.of[bucket] ?? 0) + 1;
    this.all += 1;
  }
}

/** Hashes in 32 bytes each: a counting sort by the first two bytes, and a look through those that share them. Filled once, with what was counted. */
export class HashTable {
  private readonly hashes: Buffer;
  /** Where each bucket begins and how far it is filled, in hashes. */
  private readonly starts = new Uint32Array(buckets + 1);
  private readonly ends = new Uint32Array(buckets);

  constructor(private readonly counts: HashCounts) {
    this.hashes = Buffer.allocUnsafeSlow(counts.all * hashBytes);
    let start = 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      this.starts[bucket] = start;
      this.ends[bucket] = start;
      start += counts.of[bucket] ?? 0;
    }
    this.starts[buckets] = start;
  }

  get size(): number {
    return this.counts.all;
  }

  /** False when there are more of its kind than were counted. */
  add(hash: Uint8Array): boolean {
    const bucket = bucketOf(hash);
    const place = this.ends[bucket] ?? 0;
    if (place >= (this.starts[bucket + 1] ?? 0)) return false;
    this.hashes.set(hash, place * hashBytes);
    this.ends[bucket] = place + 1;
    return true;
  }

  /** Whether all that was counted is there. */
  get isFull(): boolean {
    return this.ends.every((end, bucket) => end === this.starts[bucket + 1]);
  }

  has(hash: Uint8Array): boolean {
    const bucket = bucketOf(hash);
    const end = (this.ends[bucket] ?? 0) * hashBytes;
    for (let at = (this.starts[bucket] ?? 0) * hashBytes; at < end; at += hashBytes) {
      if (this.hashes.compare(hash, 0, hashBytes, at, at + hashBytes) === 0) return true;
    }
    return false;
  }
}

function bucketOf(hash: Uint8Array): number {
  return (hash[0] ?? 0) * 256 + (hash[1] ?? 0);
}
