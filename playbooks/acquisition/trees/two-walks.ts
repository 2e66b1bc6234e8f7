import type { NodeSession } from '../../ports.js';
import { ancestorsOf } from '../node/ancestors.js';
import type { TreeEntry } from '../node/find-records.js';
import { walkTree } from '../node/walk-tree.js';

/** What a walk saw of files and of the directories above them, by path as latin1 of the raw bytes. */
export type Standing = ReadonlyMap<string, string>;

/** `same`: nothing led astray, and it is a file. `file-changed`: the file itself is another, or written to. `way-changed`: something above it is another. */
export type Proof = 'same' | 'file-changed' | 'way-changed';

/** Walks a tree and keeps what the proof needs of it; entries beyond `most` are not proven. */
export async function standingOf(session: NodeSession, root: string, paths: Iterable<string>, most: number, signal: AbortSignal): Promise<Standing> {
  const { entries } = await walkTree(session, root, most, signal);
  const wanted = new Set<string>();
  for (const path of paths) for (const each of [...ancestorsOf(path), path]) wanted.add(each);
  const standing = new Map<string, string>();
  for (const entry of entries) {
    const path = entry.path.toString('latin1');
    if (wanted.has(path)) standing.set(path, markOf(entry));
  }
  return standing;
}

/** A rename gives a new ctime to what is renamed (ext4, xfs, btrfs, tmpfs), and a suspect cannot set it back. */
function markOf({ type, device, inode, ctime, size, mtime }: TreeEntry): string {
  return [type, device, inode, ctime, ...(type === 'directory' ? [] : [size, mtime])].join(' ');
}

/**
 * Compares two walks, one before and one after a file was read by its name. A suspect can swap a directory for a symlink and back meanwhile;
 * then the directory, or the one that it lies in, does not show the same marks.
 */
export function prove(path: string, before: Standing, after: Standing): Proof {
  const is = (each: string, type: TreeEntry['type']): boolean => {
    const mark = before.get(each);
    return mark?.startsWith(`${type} `) === true && mark === after.get(each);
  };
  if (!ancestorsOf(path).every((each) => is(each, 'directory'))) return 'way-changed';
  return is(path, 'file') ? 'same' : 'file-changed';
}
