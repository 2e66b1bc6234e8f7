import { type FileHandle, open } from 'node:fs/promises';
import { Digest, type Digests } from './digest.js';
import { onStore } from './fs-error.js';

/** Bytes that go to the disk in one call: fewer, larger calls cost less. */
const writeBytes = 1024 * 1024;
/** After so many bytes the disk is asked to write what it has, so that little is left to wait for at the end. */
const syncBytes = 64 * 1024 * 1024;

/** Writes a stream to a new file that nobody may change, hashing it meanwhile; durable when it resolves. Leaves what it wrote when it fails. */
export async function writeLarge(path: string, source: AsyncIterable<Uint8Array>): Promise<Digests> {
  const handle = await onStore('make a temporary file', () => open(path, 'wx', 0o400));
  try {
    const digest = new Digest();
    const writer = new Writer(handle);
    for await (const chunk of source) {
      const written = writer.add(chunk);
      digest.update(chunk);
      await written;
    }
    await writer.end();
    return digest.finish();
  } finally {
    await handle.close();
  }
}

/** Gathers chunks, and writes some while the next ones come. */
class Writer {
  private gathered: Uint8Array[] = [];
  private size = 0;
  private unsynced = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly handle: FileHandle) {}

  /** Resolves when the next chunk may come: at most two gatherings are in memory. */
  add(chunk: Uint8Array): Promise<void> | undefined {
    this.gathered.push(chunk);
    this.size += chunk.length;
    return this.size < writeBytes ? undefined : this.next();
  }

  async end(): Promise<void> {
    await this.next();
    await this.writing;
    await onStore('write', () => this.handle.sync());
  }

  private async next(): Promise<void> {
    const { gathered, size } = this;
    this.gathered = [];
    this.size = 0;
    await this.writing;
    this.writing = onStore('write', () => this.write(gathered, size));
    // It is awaited by the next one; a stream that fails before must not leave it unheard.
    this.writing.catch(() => undefined);
  }

  private async write(chunks: readonly Uint8Array[], size: number): Promise<void> {
    const { bytesWritten } = await this.handle.writev(chunks);
    // A full disk can take a part.
    if (bytesWritten < size) await writeAll(this.handle, Buffer.concat(chunks).subarray(bytesWritten));
    this.unsynced += size;
    if (this.unsynced < syncBytes) return;
    this.unsynced = 0;
    await this.handle.datasync();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}
