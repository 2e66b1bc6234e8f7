import { statSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { TriageError, throwIfAborted } from '../../playbooks/domain/error.js';
import { Aside } from './aside.js';
import { BatchWriter, corrupt } from './batch-writer.js';
import { hashesTo } from './digest.js';
import type { HostIdentity } from './folder.js';
import { linkNew, prepareFolder, syncFolder, thisHost } from './folder.js';
import { onStore, systemCode } from './fs-error.js';
import type { EvidenceKeeper } from './keeper.js';
import { nameOf, placeOf } from './names.js';
import { Stager } from './stager.js';

/** Bytes of a file that are read at once: fewer, larger reads cost less. */
const readBytes = 256 * 1024;

/**
 * Opens the store in `folder`, making it where it is missing: `sha256/ab/<62 digits>`, mode 0400, written once.
 * Any number of processes of one machine may share it. Throws `config-invalid` (another machine's store), `store-unwritable`, `store-full`.
 */
export async function createDiskEvidence(folder: string, host?: HostIdentity): Promise<EvidenceKeeper> {
  const temporary = await prepareFolder(folder, host ?? (await thisHost()));
  const pathOf = (sha256: string): string => `${folder}/${placeOf(sha256)}`;
  const aside = new Aside(folder);
  const batches = new BatchWriter(temporary);
  const stager = new Stager(temporary, {
    small: ({ sha256 }, data) => batches.add(pathOf(sha256), data),
    large: ({ sha256, size }, file) => onStore('keep a file', () => keep(file, pathOf(sha256), size)),
  });
  return {
    has: (sha256) => new Promise((resolve) => resolve(has(pathOf(sha256)))),
    put: (source, signal, expected) => stager.put(source, signal, expected),
    stage: (source, signal, expected) => stager.stage(source, signal, expected),
    open: (sha256) => openForReading(pathOf(sha256), sha256, aside),
    check: async (sha256, signal) => hashesTo(sha256, await openForReading(pathOf(sha256), sha256, aside), signal),
    all: (signal) => all(folder, signal),
    remove: (sha256, stillDoomed = () => Promise.resolve(true)) => aside.remove(sha256, stillDoomed),
    putBack: () => aside.putBack(),
  };
}

/** Not by the thread pool: thousands of names are asked about in a row, and the way there and back takes longer than the look. */
function has(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch (error) {
    throw unreadable(error);
  }
}

/** Returns whether the store had the bytes before. */
async function keep(temporary: string, path: string, size: number): Promise<boolean> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const isNew = await linkOrFind(temporary, path, size);
  // Also what existed: the process that made the folder, or the name in it, may have died before these lines.
  await syncFolder(folder);
  await syncFolder(dirname(folder));
  return !isNew;
}

/** Returns whether the name is new. One that was put aside between the two looks is to be given once more. */
async function linkOrFind(temporary: string, path: string, size: number): Promise<boolean> {
  for (;;) {
    if (await linkNew(temporary, path)) return true;
    const found = await lstat(path).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
      return undefined;
    });
    if (found === undefined) continue;
    if (!found.isFile() || found.size !== size) throw corrupt(path);
    return false;
  }
}

/** What is not in its place is looked for aside, and then in its place once more: it may be on its way between the two. */
async function openForReading(path: string, sha256: string, aside: Aside): Promise<Readable> {
  const handle = (await opened([path])) ?? (await opened(await aside.pathsOf(sha256))) ?? (await opened([path]));
  if (handle === undefined) throw new TriageError('not-found', `the evidence store does not have ${sha256}`);
  return handle.createReadStream({ highWaterMark: readBytes });
}

/** The first of the paths that is there. */
async function opened(paths: readonly string[]): Promise<FileHandle | undefined> {
  for (const path of paths) {
    try {
      return await open(path, 'r');
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw unreadable(error);
    }
  }
  return undefined;
}

function unreadable(error: unknown): TriageError {
  return new TriageError('store-unwritable', `the evidence store cannot be read: ${String(error)}`, { cause: error });
}

async function* all(folder: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  for await (const two of entries(join(folder, 'sha256'))) {
    for await (const rest of entries(join(folder, 'sha256', two))) {
      throwIfAborted(signal);
      const name = nameOf(`sha256/${two}/${rest}`);
      if (name !== undefined) yield name;
    }
  }
}

/** Names in a folder, a few at a time; none of what is no folder. */
async function* entries(folder: string): AsyncGenerator<string, void, undefined> {
  try {
    for await (const { name } of await opendir(folder)) yield name;
  } catch (error) {
    if (systemCode(error) !== 'ENOTDIR' && systemCode(error) !== 'ENOENT') throw unreadable(error);
  }
}
