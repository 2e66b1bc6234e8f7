import type { FileHandle } from 'node:fs/promises';
import { TriageError } from '../../playbooks/domain/error.js';

const readBytes = 1024 * 1024;

/** A stretch of an open file. */
export class FileRange {
  constructor(
    private readonly file: FileHandle,
    private readonly offset: number,
    readonly size: number,
  ) {}

  /** A part of it. Throws `store-corrupt` for one that is not in it. */
  part(offset: number, size: number): FileRange {
    if (offset < 0 || size < 0 || offset + size > this.size) throw new TriageError('store-corrupt', 'the archive names bytes that it does not have');
    return new FileRange(this.file, this.offset + offset, size);
  }

  /** All of these bytes; few. Throws `store-corrupt` when they are not there. */
  async bytes(offset: number, length: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.part(offset, length).stream()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** The bytes in order; a chunk is the reader's to keep. Throws `store-corrupt` when the file ends before. */
  async *stream(chunk = readBytes): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.size; ) {
      const length = Math.min(chunk, this.size - at);
      const { bytesRead, buffer } = await this.read(length, this.offset + at);
      if (bytesRead === 0) throw new TriageError('store-corrupt', 'the file is shorter than it was');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  private async read(length: number, position: number): Promise<{ bytesRead: number; buffer: Buffer }> {
    try {
      return await this.file.read(Buffer.allocUnsafe(length), 0, length, position);
    } catch (cause) {
      throw new TriageError('store-corrupt', `the file cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}
