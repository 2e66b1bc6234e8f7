import type { Change } from '../../domain/change.js';
import { TriageError } from '../../domain/error.js';
import { nulRecords, withoutDot } from './node-command.js';

/** One entry of a directory tree, as GNU find prints it. Numbers are the node's. */
export interface TreeEntry {
  /** Raw bytes, relative to the tree, without `./`. */
  readonly path: Buffer;
  readonly type: Change['type'];
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Bytes on disk. */
  readonly allocated: number;
  /** Seconds since 1970, as find prints them. */
  readonly mtime: string;
  readonly ctime: string;
  readonly inode: string;
  readonly links: number;
  readonly device: string;
  /** Where a symlink points to; empty for others. */
  readonly target: Buffer;
}

/** The directives of {@link treeEntries}: tab-separated numbers, then path and link target, each ended by NUL, which no name can hold. */
export const treeFormat = '%y\\t%m\\t%U\\t%G\\t%s\\t%b\\t%T@\\t%C@\\t%i\\t%n\\t%D\\t%P\\0%l\\0';

/** The same with paths that begin with the point where the walk started. */
export const treeFormatFromStart = treeFormat.replace('%P', '%p');

/** argv of a walk of the whole tree below the working directory, which follows nothing and stays on its file system. */
export const walkArgv: readonly string[] = ['find', '-P', '.', '-xdev', '-mindepth', '1', '-ignore_readdir_race', '-printf', treeFormat];

const types: Readonly<Record<string, Change['type']>> = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
  c: 'char',
  b: 'block',
};

const pattern = /^([fdlpscb])\t([0-7]{1,4})\t(\d+)\t(\d+)\t(\d+)\t(\d+)\t(-?[\d.]+)\t(-?[\d.]+)\t(\d+)\t(\d+)\t(\d+)\t/;

/** find counts blocks of 512 bytes, whatever the file system's are. */
const findBlock = 512;

/** Parses what find prints with {@link treeFormat}, as it comes. Throws `transfer-truncated` for an answer that was cut, `command-failed` for a foreign one. */
export async function* treeEntries(stdout: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry, void, undefined> {
  let head: Buffer | undefined;
  for await (const record of nulRecords(stdout, 'file listing')) {
    if (head !== undefined) yield parseEntry(head, record);
    head = head === undefined ? record : undefined;
  }
  if (head !== undefined) throw new TriageError('transfer-truncated', 'file listing: the last entry has no end');
}

/** Parses the two records of one entry; a leading `./` of its path is taken off. Throws `command-failed`. */
export function parseEntry(head: Buffer, target: Buffer): TreeEntry {
  // The numbers before the path are short; only this much is looked at as text.
  const match = pattern.exec(head.subarray(0, 400).toString('latin1'));
  const type = types[match?.[1] ?? ''];
  if (match === null || type === undefined) throw new TriageError('command-failed', 'file listing: an entry has not the form that GNU find gives it');
  const [whole, , mode = '', uid, gid, size, blocks, mtime = '', ctime = '', inode = '', links, device = ''] = match;
  return {
    path: withoutDot(head.subarray(whole.length)),
    type,
    mode: mode.padStart(4, '0'),
    uid: Number(uid),
    gid: Number(gid),
    // A sparse file can claim more than a double holds; it is over every cap all the same.
    size: Math.min(Number(size), Number.MAX_SAFE_INTEGER),
    allocated: Math.min(Number(blocks) * findBlock, Number.MAX_SAFE_INTEGER),
    mtime,
    ctime,
    inode,
    links: Number(links),
    device,
    target,
  };
}

/** ISO form of find's seconds, to the millisecond; undefined where a forged time has none (before year 1, after 9999). */
export function isoTime(seconds: string): string | undefined {
  const date = new Date(Number(seconds) * 1000);
  const year = date.getUTCFullYear();
  return Number.isNaN(year) || year < 1 || year > 9999 ? undefined : date.toISOString();
}
