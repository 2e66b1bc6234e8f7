import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { TriageError } from '../../playbooks/domain/error.js';
import { systemCode } from '../../store/evidence/fs-error.js';

/** Bytes that go to the disk in one call. */
const writeBytes = 1024 * 1024;

/** Writes a new file that only its owner can read. Throws `store-full`, `store-unwritable`, and what the source throws. */
export async function saveFile(path: string, mode: 0o400 | 0o600, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = await onDisk(path, () => open(path, 'wx', mode));
  try {
    await fill(file, path, bytes);
  } finally {
    await file.close();
  }
}

/** Makes a folder that only its owner can enter; one that is there is left as it is. */
export async function makeFolder(path: string): Promise<void> {
  await onDisk(path, () => mkdir(path, { recursive: true, mode: 0o700 }));
}

/** Runs one act on the disk of this machine and translates its failure. */
export async function onDisk<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof TriageError) throw cause;
    const code = systemCode(cause);
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new TriageError('store-full', `no space left for ${path}; nothing was kept: free some, or name another place with --to`, { cause });
    if (code === 'EEXIST' || code === 'ENOTEMPTY') throw new TriageError('conflict', `${path} exists already; it is not written over`, { cause });
    throw new TriageError('store-unwritable', `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** What comes is gathered, and written while the next bytes come. */
async function fill(file: FileHandle, path: string, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    const data = gathered.length === 1 && gathered[0] !== undefined ? gathered[0] : Buffer.concat(gathered, size);
    gathered = [];
    size = 0;
    writing = onDisk(path, () => file.writeFile(data));
    // It is awaited by the next one; a source that fails before must not leave it unheard.
    writing.catch(() => undefined);
  };
  try {
    for await (const chunk of bytes) {
      gathered.push(chunk);
      size += chunk.length;
      if (size >= writeBytes) await flush();
    }
    if (size > 0) await flush();
    await writing;
  } finally {
    // The file is closed next.
    await writing.catch(() => undefined);
  }
}
