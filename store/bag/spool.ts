import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TriageError } from '../../playbooks/domain/error.js';
import { systemCode } from '../evidence/fs-error.js';

/** Up to here bytes are kept in memory. */
const memoryBytes = 1024 * 1024;
const readBytes = 256 * 1024;

/** Bytes whose number had to be known before they could go on. */
export interface Spooled {
  readonly size: number;
  bytes(): AsyncIterable<Uint8Array>;
  /** Forgets them; never fails. */
  close(): Promise<void>;
}

/**
 * Holds a stream: in memory, and from 1 MiB on in a file of the folder for temporary files (TMPDIR), mode 0600, which loses its name as soon
 * as it is open, so that nothing stays of it however this process ends.
 * @throws TriageError `store-full`, `store-unwritable`, and what the source throws
 */
export async function spool(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Spooled> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let file: FileHandle | undefined;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      chunks.push(chunk);
      if (file === undefined && size <= memoryBytes) continue;
      file ??= await onSpool(nameless);
      await write(file, chunks.splice(0));
    }
  } catch (error) {
    await file?.close().catch(() => undefined);
    throw error;
  }
  const held = file;
  if (held === undefined) return { size, bytes: () => each(chunks), close: () => Promise.resolve() };
  return { size, bytes: () => read(held), close: () => held.close().catch(() => undefined) };
}

async function nameless(): Promise<FileHandle> {
  const path = join(tmpdir(), `podtriage-spool-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

function write(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  // writeFile goes on from where the last one ended, and past what a full disk takes in part.
  return onSpool(async () => file.writeFile(chunks.length === 1 ? (chunks[0] ?? '') : Buffer.concat(chunks)));
}

// eslint-disable-next-line @typescript-eslint/require-await -- one form for what is in memory and what is not
async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* read(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(readBytes), 0, readBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function onSpool<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new TriageError('store-full', `no space left in ${tmpdir()} for a part of the bag; free some, or set TMPDIR`, { cause });
    throw new TriageError('store-unwritable', `cannot write to ${tmpdir()}: ${String(cause)}`, { cause });
  }
}
