import { TriageError } from '../../domain/error.js';

/** Reads a stream of chunks by byte counts, without ever holding more than one chunk and what was asked for. */
export class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private chunk: Buffer = Buffer.alloc(0);
  private ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, if all of them are here: then nothing has to be waited for. */
  ready(size: number): Buffer | undefined {
    if (this.chunk.length < size) return undefined;
    const part = this.chunk.subarray(0, size);
    this.chunk = this.chunk.subarray(size);
    return part;
  }

  /** Exactly `size` bytes. Throws `transfer-truncated`, naming `what`, when the stream ends before. */
  async exactly(size: number, what: string): Promise<Buffer> {
    const here = this.ready(size);
    if (here !== undefined) return here;
    const out = Buffer.alloc(size);
    let filled = 0;
    while (filled < size) {
      const part = await this.atMost(size - filled);
      if (part === undefined) throw new TriageError('transfer-truncated', `the archive ends ${size - filled} bytes early, in ${what}`);
      part.copy(out, filled);
      filled += part.length;
    }
    return out;
  }

  /** Between 1 and `size` bytes, or undefined at the end of the stream. */
  async atMost(size: number): Promise<Buffer | undefined> {
    while (this.chunk.length === 0) {
      if (this.ended) return undefined;
      const next = await this.source.next();
      if (next.done === true) this.ended = true;
      else this.chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const part = this.chunk.subarray(0, size);
    this.chunk = this.chunk.subarray(part.length);
    return part;
  }

  /** Tells the source that nothing more will be read. */
  async release(): Promise<void> {
    await this.source.return?.();
  }
}
