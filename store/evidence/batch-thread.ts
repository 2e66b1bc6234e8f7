import { closeSync, fsyncSync, linkSync, lstatSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { type Batch, type BatchAnswer, type BatchOrder, type BatchOutcome, otherSize } from './batch.js';
import { systemCode } from './fs-error.js';
import { syncFileSystem } from './sync-file-system.js';

/** From so many files on, the file system is synced as a whole. */
const wholeFrom = 16;

/** Files that are open at a time: a process may not have any number of them. */
const mostOpen = 4_000;

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

/** A batch whose content has been written. */
interface Written {
  readonly id: number;
  readonly items: readonly Item[];
  /** The store's folder for temporary files, which says which store it is. */
  readonly store: string;
  /** Those that names were given in, to be synced as well. */
  readonly folders: Set<string>;
}

/** Batches in the order of their ways: not written yet, written, and named since the last sync. */
const coming: BatchOrder[] = [];
let written: Written[] = [];
let named: Written[] = [];
let open = 0;
let isSyncing = false;

/** A thread's whole life: takes batches, answers what became of their files. Its calls block: that is what it is a thread for. */
parentPort?.on('message', (order: BatchOrder) => {
  coming.push(order);
  writeAll();
  void syncAll();
});

/** As many as may be open. */
function writeAll(): void {
  for (let next = coming[0]; next !== undefined && (open === 0 || open + next.batch.paths.length <= mostOpen); next = coming[0]) {
    coming.shift();
    written.push(write(next));
  }
}

/**
 * Gives files their names: content first, then, once that is on the disk, names, and says so once these are as well. At no time has a name in
 * the store another content than its own, whenever the power goes. While one sync is waited for, the next batches are written: each sync is
 * for all content and all names that were there when it began.
 */
async function syncAll(): Promise<void> {
  if (isSyncing) return;
  isSyncing = true;
  while (written.length > 0 || named.length > 0) {
    // What is here already is written first.
    await nextTurn();
    const [content, names] = [written, named];
    [written, named] = [[], []];
    const synced = await syncedStores(content, names);
    for (const batch of names) answer(batch, synced.has(batch.store) ? undefined : failure(() => syncFolders(batch)));
    for (const batch of content) nameAll(batch, synced.has(batch.store));
    named.push(...content);
    writeAll();
  }
  isSyncing = false;
}

/** The stores that were synced as a whole: those with so much to sync that it is worth it. */
async function syncedStores(content: readonly Written[], names: readonly Written[]): Promise<ReadonlySet<string>> {
  const counts = new Map<string, number>();
  const count = (store: string, more: number): void => void counts.set(store, (counts.get(store) ?? 0) + more);
  for (const { store, items } of content) count(store, items.filter(({ file }) => file !== undefined).length);
  for (const { store, folders } of names) count(store, folders.size);
  const synced = new Set<string>();
  for (const [store, parts] of counts) if (parts >= wholeFrom && (await syncFileSystem(store))) synced.add(store);
  return synced;
}

function write({ id, batch }: BatchOrder): Written {
  const [items, folders] = [itemsOf(batch), new Set<string>()];
  for (const item of items) {
    attempt(item, () => {
      try {
        item.file = writeNew(item, batch.data);
      } catch (error) {
        // A store that is full takes all the same what it has.
        if (!isThere(item, folders)) throw error;
        item.outcome = true;
      }
    });
  }
  return { id, items, store: dirname(batch.temporary), folders };
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
function nameAll({ items, folders }: Written, isSynced: boolean): void {
  const lost = isSynced ? undefined : failure(() => items.forEach(syncContent));
  for (const item of items) {
    if (item.file === undefined) continue;
    const { file } = item;
    failure(() => closeSync(file));
    open -= 1;
    if (lost !== undefined) item.outcome = lost;
    else attempt(item, () => (item.outcome = !name(item, folders)));
    failure(() => unlinkSync(item.temporary));
  }
}

function answer({ id, items }: Written, unnamed: BatchOutcome | undefined): void {
  const outcomes = items.map(({ outcome }): BatchOutcome => unnamed ?? outcome ?? { code: '', message: 'nothing became of it' });
  parentPort?.postMessage({ id, outcomes } satisfies BatchAnswer);
}

/** Says whether the name is new: the store may have had the content before, and two of a batch may have the same. */
function name(item: Item, folders: Set<string>): boolean {
  for (;;) {
    if (linked(item)) break;
    // One that was put aside between the two looks is to be named once more.
    if (isThere(item, folders)) return false;
  }
  toBeSynced(item, folders);
  return true;
}

/** Throws when what is there is no such content. A link is none, wherever it leads. */
function isThere(item: Item, folders: Set<string>): boolean {
  const found = lstatSync(item.path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isFile() || found.size !== item.size) throw Object.assign(new Error(item.path), { code: otherSize });
  toBeSynced(item, folders);
  return true;
}

/** Also for what was there before: the process that made the folder, or the name in it, may have died before it synced them. */
function toBeSynced({ path }: Item, folders: Set<string>): void {
  const folder = dirname(path);
  if (!folders.has(folder)) folders.add(folder).add(dirname(folder));
}

/** False when the name exists. Makes the folder where it is missing. */
function linked(item: Item, isMade = false): boolean {
  try {
    linkSync(item.temporary, item.path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    if (code !== 'ENOENT' || isMade) throw error;
    mkdirSync(dirname(item.path), { recursive: true, mode: 0o700 });
    return linked(item, true);
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
    return { code: systemCode(error) ?? '', message: error instanceof Error ? error.message : String(error) };
  }
}

function writeNew({ temporary, offset, size }: Item, data: Uint8Array): number {
  const file = openSync(temporary, 'wx', 0o400);
  try {
    for (let at = 0; at < size; ) at += writeSync(file, data, offset + at, size - at);
    open += 1;
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

function syncFolders({ folders }: Written): void {
  for (const folder of folders) {
    const file = openSync(folder, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}
