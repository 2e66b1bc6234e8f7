import { createHash, hash } from 'node:crypto';
import { untilAborted } from '../../playbooks/domain/abort.js';

/** How much of the start of each file is kept for telling its kind. */
const headBytes = 512;

/** What is known of bytes once they have all been seen. */
export interface Digests {
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
  readonly size: number;
  readonly head: Uint8Array;
}

/** The same as {@link Digest} for bytes that are all there, without its objects: there may be thousands of small files. */
export function digestOf(bytes: Uint8Array): Digests {
  return {
    sha256: hash('sha256', bytes),
    sha1: hash('sha1', bytes),
    md5: hash('md5', bytes),
    size: bytes.length,
    head: Buffer.from(bytes.subarray(0, headBytes)),
  };
}

/** All hashes, the size and the head of a stream in one pass. */
export class Digest {
  private readonly hashes = { sha256: createHash('sha256'), sha1: createHash('sha1'), md5: createHash('md5') };
  private readonly head: Uint8Array[] = [];
  private headLength = 0;
  private size = 0;

  update(chunk: Uint8Array): void {
    for (const hash of Object.values(this.hashes)) hash.update(chunk);
    this.size += chunk.length;
    if (this.headLength >= headBytes) return;
    const part = new Uint8Array(chunk.subarray(0, headBytes - this.headLength));
    this.head.push(part);
    this.headLength += part.length;
  }

  /** Ends the pass; can be called once. */
  finish(): Digests {
    return {
      sha256: this.hashes.sha256.digest('hex'),
      sha1: this.hashes.sha1.digest('hex'),
      md5: this.hashes.md5.digest('hex'),
      size: this.size,
      head: new Uint8Array(Buffer.concat(this.head)),
    };
  }
}

/** Reads a stream to its end and says whether its bytes have this sha256. */
export async function hashesTo(sha256: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean> {
  const hash = createHash('sha256');
  for await (const chunk of untilAborted<Uint8Array>(source, signal)) hash.update(chunk);
  return hash.digest('hex') === sha256;
}
