import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { type Batch, type BatchItem, type BatchOutcome, otherSize } from './batch.js';
import { systemCode } from './fs-error.js';

/** From so many files on, the file system is synced as a whole. */
const wholeFrom = 16;

/** A thread's whole life: takes batches, answers what became of their items. Its calls block: that is what it is a thread for. */
parentPort?.on('message', (batch: Batch) => parentPort?.postMessage(store(batch)));

/** One file of a batch between its writing and its end. */
interface Written {
  readonly item: BatchItem;
  readonly file: number;
}

/**
 * Puts all items into the store: content first, then, once that is on the disk, names, then the folders. At no time has a name in the
 * store another content than its own, whenever the power goes.
 */
function store({ items, data }: Batch): BatchOutcome[] {
  const outcomes = new Map<BatchItem, BatchOutcome>();
  const folders = new Set<string>();
  const written: Written[] = [];
  for (const item of items) {
    attempt(outcomes, item, () => {
      makeFolder(dirname(item.path), folders);
      const existed = existing(item);
      if (existed) outcomes.set(item, { existed });
      else written.push({ item, file: write(item, data) });
    });
  }
  const lost = failure(() => syncAll(written));
  for (const each of written) {
    closeSync(each.file);
    if (lost === undefined) attempt(outcomes, each.item, () => outcomes.set(each.item, { existed: !name(each.item) }));
    else outcomes.set(each.item, lost);
    failure(() => unlinkSync(each.item.temporary));
  }
  // Also for what existed: the process that made it may have died before this line.
  const unnamed = failure(() => syncFolders([...folders]));
  return items.map((item) => unnamed ?? outcomes.get(item) ?? { existed: false });
}

/** Two of the same content in a batch: the second finds the name taken. */
function name(item: BatchItem): boolean {
  try {
    linkSync(item.temporary, item.path);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    // One that was put aside between the two looks is to be named once more.
    return existing(item) ? false : name(item);
  }
}

function attempt(outcomes: Map<BatchItem, BatchOutcome>, item: BatchItem, act: () => void): void {
  const error = failure(act);
  if (error !== undefined) outcomes.set(item, error);
}

function failure(act: () => void): BatchOutcome | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return { error: { code: systemCode(error) ?? '', message: error instanceof Error ? error.message : String(error) } };
  }
}

function makeFolder(folder: string, folders: Set<string>): void {
  if (folders.has(folder)) return;
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) folders.add(dirname(folder));
  folders.add(folder);
}

function existing({ path, size }: BatchItem): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.size !== size) throw Object.assign(new Error(path), { code: otherSize });
  return true;
}

function write({ temporary, offset, size }: BatchItem, data: Uint8Array): number {
  const file = openSync(temporary, 'wx', 0o400);
  try {
    for (let at = 0; at < size; ) at += writeSync(file, data, offset + at, size - at);
    return file;
  } catch (error) {
    closeSync(file);
    unlinkSync(temporary);
    throw error;
  }
}

function syncAll(written: readonly Written[]): void {
  const [first] = written;
  if (first === undefined || (written.length >= wholeFrom && syncFileSystem(first.item.temporary))) return;
  for (const { file } of written) fsyncSync(file);
}

function syncFolders(folders: readonly string[]): void {
  const [first] = folders;
  if (first === undefined || (folders.length >= wholeFrom && syncFileSystem(first))) return;
  for (const folder of folders) {
    const file = openSync(folder, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** syncfs(2) tells of failed writes since Linux 5.8. */
let hasSyncFs = process.platform === 'linux' && /^([6-9]|\d\d|5\.([89]|\d\d))\b/.test(release());

/** One syncfs(2) in place of hundreds of fsync(2), by coreutils as Node has no call for it. False where that is not to be had, or failed. */
function syncFileSystem(path: string): boolean {
  if (!hasSyncFs) return false;
  try {
    execFileSync('sync', ['-f', '--', path], { stdio: 'ignore' });
    return true;
  } catch {
    hasSyncFs = false;
    return false;
  }
}
