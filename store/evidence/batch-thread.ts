import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { type Batch, type BatchOutcome, otherSize } from './batch.js';
import { systemCode } from './fs-error.js';
import { syncFileSystem } from './sync-file-system.js';

/** From so many files on, the file system is synced as a whole. */
const wholeFrom = 16;

/** One file of a batch: where its bytes are in the batch's data, and what became of it. */
interface Item {
  readonly temporary: string;
  readonly path: string;
  readonly offset: number;
  readonly size: number;
  /** Open between its writing and its end. */
  file?: number;
  outcome?: BatchOutcome;
}

/** A batch on its way. */
interface Begun {
  readonly items: readonly Item[];
  /** To be synced as well, also for what existed: the process that made it may have died before. */
  readonly folders: readonly string[];
  /** The store's folder for temporary files, which says which store it is. */
  readonly store: string;
}

/** Batches whose content has been written; those whose files have been named since the last sync. */
let written: Begun[] = [];
let named: Begun[] = [];
let isSyncing = false;

/** A thread's whole life: takes batches, answers what became of their files, in order. Its calls block: that is what it is a thread for. */
parentPort?.on('message', (batch: Batch) => {
  written.push(write(batch));
  void syncAll();
});

/**
 * Gives files their names: content first, then, once that is on the disk, names, and says so once these are as well. At no time has a name in
 * the store another content than its own, whenever the power goes. While one sync is waited for, the next batches are written: each sync is
 * for all content and all names that were there when it began.
 */
async function syncAll(): Promise<void> {
  if (isSyncing) return;
  isSyncing = true;
  while (written.length > 0 || named.length > 0) {
    const [content, names] = [written, named];
    [written, named] = [[], []];
    const synced = await syncedStores([...content, ...names]);
    for (const batch of names) answer(batch, synced.has(batch.store) ? undefined : failure(() => batch.folders.forEach(syncFolder)));
    for (const batch of content) {
      nameAll(batch, synced.has(batch.store));
      named.push(batch);
    }
  }
  isSyncing = false;
}

/** The stores that were synced as a whole: those with so much to sync that it is worth it. */
async function syncedStores(batches: readonly Begun[]): Promise<ReadonlySet<string>> {
  const parts = new Map<string, number>();
  for (const { store, items, folders } of batches) parts.set(store, (parts.get(store) ?? 0) + Math.max(items.length, folders.length));
  const synced = new Set<string>();
  for (const [store, count] of parts) if (count >= wholeFrom && (await syncFileSystem(store))) synced.add(store);
  return synced;
}

function write(batch: Batch): Begun {
  const folders = new Set<string>();
  const items = itemsOf(batch);
  for (const item of items) {
    attempt(item, () => {
      makeFolder(dirname(item.path), folders);
      if (existing(item)) item.outcome = { existed: true };
      else item.file = writeNew(item, batch.data);
    });
  }
  return { items, folders: [...folders], store: dirname(batch.temporary) };
}

function itemsOf({ temporary, paths, sizes }: Batch): Item[] {
  let end = 0;
  return paths.map((path, index) => {
    const size = sizes[index] ?? 0;
    const offset = end;
    end += size;
    return { temporary: `${temporary}-${index}`, path, offset, size };
  });
}

/** Names those files of a batch whose content is on the disk. */
function nameAll({ items }: Begun, isSynced: boolean): void {
  const lost = isSynced ? undefined : failure(() => items.forEach(syncContent));
  for (const item of items) {
    if (item.file === undefined) continue;
    closeSync(item.file);
    if (lost !== undefined) item.outcome = lost;
    else attempt(item, () => (item.outcome = { existed: !name(item) }));
    failure(() => unlinkSync(item.temporary));
  }
}

function answer({ items }: Begun, unnamed: BatchOutcome | undefined): void {
  const outcomes = items.map(({ outcome }): BatchOutcome => unnamed ?? outcome ?? { error: { code: '', message: 'nothing became of it' } });
  parentPort?.postMessage(outcomes);
}

/** Two of the same content in a batch: the second finds the name taken. */
function name(item: Item): boolean {
  try {
    linkSync(item.temporary, item.path);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    // One that was put aside between the two looks is to be named once more.
    return existing(item) ? false : name(item);
  }
}

function attempt(item: Item, act: () => void): void {
  const error = failure(act);
  if (error !== undefined) item.outcome = error;
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

function existing({ path, size }: Item): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.size !== size) throw Object.assign(new Error(path), { code: otherSize });
  return true;
}

function writeNew({ temporary, offset, size }: Item, data: Uint8Array): number {
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

function syncContent({ file }: Item): void {
  if (file !== undefined) fsyncSync(file);
}

function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
