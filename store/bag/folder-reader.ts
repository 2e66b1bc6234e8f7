import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BagArchive, BagEntry, BagEntryType, BagReader } from '../../playbooks/bag/reader.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { FileRange } from './file-range.js';
import { openArchive } from './zip-archive.js';

/** Folders that a bag has; others are named, and not entered. */
const entered = /^(?:data(?:\/artifacts|\/reports(?:\/[1-9][0-9]{0,8})?)?)?$/;
/** No run has so many artifacts. */
const maxEntries = 1_000_000;

/**
 * Opens a bag that is a folder. Nothing in it is followed: links, devices and the like are only named.
 * @throws TriageError `not-found` when it cannot be listed, `limit-exceeded`
 */
export async function openFolder(path: string): Promise<BagReader & { close(): Promise<void> }> {
  const entries: BagEntry[] = [];
  await list(path, '', entries);
  const sizes = new Map(entries.map((entry) => [entry.path, entry.size]));
  const sizeOf = (name: string): number => sizes.get(name) ?? 0;
  const archives: FileHandle[] = [];
  return {
    entries,
    troubles: [],
    read: (name) => readFile(path, name, sizeOf(name)),
    async archive(name, password): Promise<BagArchive> {
      const file = await openFile(join(path, name), sizeOf(name));
      archives.push(file);
      return openArchive(new FileRange(file, 0, sizeOf(name)), password);
    },
    async close() {
      await Promise.all(archives.map((file) => file.close().catch(() => undefined)));
    },
  };
}

async function list(root: string, folder: string, entries: BagEntry[]): Promise<void> {
  for (const name of await names(join(root, folder))) {
    const text = isUtf8(name) ? name.toString('utf8') : displayText(name);
    const path = folder === '' ? text : `${folder}/${text}`;
    const found = await lstat(Buffer.concat([Buffer.from(`${join(root, folder)}/`), name])).catch(() => undefined);
    const type: BagEntryType =
      found === undefined ? 'other' : found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other';
    entries.push({
      path,
      type,
      size: found?.isFile() === true ? found.size : 0,
      ...(isUtf8(name) ? {} : { trouble: 'has a name that is not UTF-8' }),
    });
    if (entries.length > maxEntries) throw new TriageError('limit-exceeded', `${root} has more than ${maxEntries} entries; no bag has`);
    if (type === 'folder' && entered.test(path)) await list(root, path, entries);
  }
}

async function names(folder: string): Promise<Buffer[]> {
  try {
    return await readdir(folder, { encoding: 'buffer' });
  } catch (cause) {
    throw new TriageError('not-found', `cannot list ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function* readFile(root: string, path: string, size: number): AsyncGenerator<Uint8Array> {
  const file = await openFile(join(root, path), size);
  try {
    yield* new FileRange(file, 0, size).stream();
  } finally {
    await file.close();
  }
}

async function openFile(path: string, size: number): Promise<FileHandle> {
  const refuse = (what: string, cause?: unknown): never => {
    throw new TriageError('store-corrupt', what, { cause });
  };
  // A FIFO that has taken the file's place must not keep us waiting.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((cause: unknown) => refuse(cause instanceof Error ? cause.message : String(cause), cause));
  const found = await file.stat();
  if (found.isFile() && found.size === size) return file;
  await file.close();
  return refuse('it has changed since the bag was listed');
}
