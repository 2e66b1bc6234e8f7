import { basename } from 'node:path';
import { TriageError } from '../../../playbooks/domain/error.js';
import { shortText } from '../../../playbooks/domain/short-text.js';
import type { HashListPort } from '../../../playbooks/ports.js';
import { readHashLine } from './hash-line.js';
import { HashCounts, HashTable, hashBytes } from './hash-table.js';
import { forEachLine } from './list-lines.js';

/** Paths of lists: of hashes that are known to be good, and to be bad. */
export interface HashListFiles {
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

/** Loaded lists, and what is in them. */
export interface HashLists extends HashListPort {
  readonly lists: readonly { readonly list: string; readonly says: 'good' | 'bad'; readonly hashes: number }[];
}

/**
 * Loads lists of sha256 sums: one a line, plain or as sha256sum prints them, gzip or not, blank lines and `#` comments in between.
 * Each file is read twice, so that a table of 32 bytes a hash is all that is ever in memory.
 *
 * @throws TriageError `config-invalid` that names the file, and the line if one is wrong
 */
export async function loadHashLists({ good, bad }: HashListFiles, signal: AbortSignal): Promise<HashLists> {
  const loaded: { list: string; says: 'good' | 'bad'; table: HashTable }[] = [];
  for (const [says, paths] of [['bad', bad] as const, ['good', good] as const]) {
    for (const path of paths) loaded.push({ list: basename(path), says, table: await loadTable(path, signal) });
  }
  return {
    lists: loaded.map(({ list, says, table }) => ({ list, says, hashes: table.size })),
    find(sha256) {
      const hash = Buffer.from(sha256, 'hex');
      const found = hash.length === hashBytes ? loaded.find(({ table }) => table.has(hash)) : undefined;
      return found === undefined ? undefined : { list: found.list, says: found.says };
    },
  };
}

async function loadTable(path: string, signal: AbortSignal): Promise<HashTable> {
  const counts = new HashCounts();
  await forEachHash(path, signal, (hash) => counts.add(hash));
  const table = new HashTable(counts);
  const changed = new TriageError('config-invalid', `hash list ${path} changed while it was read: start again`);
  await forEachHash(path, signal, (hash) => {
    if (!table.add(hash)) throw changed;
  });
  if (!table.isFull) throw changed;
  return table;
}

async function forEachHash(path: string, signal: AbortSignal, take: (hash: Uint8Array) => void): Promise<void> {
  const hash = Buffer.alloc(hashBytes);
  await forEachLine(path, signal, (bytes, from, to, number) => {
    const line = readHashLine(bytes, from, to, hash);
    if (line === 'hash') take(hash);
    if (line !== 'invalid') return;
    const text = shortText(bytes.toString('latin1', from, Math.min(to, from + 80)), 80);
    throw new TriageError('config-invalid', `hash list ${path}, line ${number}: no sha256, or not as sha256sum prints it: ${text}`);
  });
}
