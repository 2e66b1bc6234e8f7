import { createHash } from 'node:crypto';
import { TriageError } from '../domain/error.js';
import type { BagFile } from './bag-file.js';
import type { ManifestEntry } from './layout.js';

/** Hashes the files of a bag while they go by. */
export class Tally {
  readonly entries: ManifestEntry[] = [];
  /** Bytes of all of them. */
  octets = 0;

  /**
   * The same file; once its bytes have been read to their end it is among the entries.
   * @param sha256 what it must be: other bytes end in `store-corrupt`, after the last of them
   */
  through({ path, bytes, ...rest }: BagFile, sha256?: string): BagFile {
    return { ...rest, path, bytes: this.#hashed(path, bytes, sha256) };
  }

  async *#hashed(path: string, bytes: BagFile['bytes'], expected: string | undefined): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for await (const chunk of bytes) {
      hash.update(chunk);
      this.octets += chunk.length;
      yield chunk;
    }
    const sha256 = hash.digest('hex');
    if (expected !== undefined && sha256 !== expected) throw alteredContent(expected);
    this.entries.push({ sha256, path });
  }
}

/** What the evidence store gives for `sha256` is something else. */
export function alteredContent(sha256: string): TriageError {
  return new TriageError('store-corrupt', `the evidence store gives other bytes for ${sha256} than were put into it; run: podtriage store check`);
}
