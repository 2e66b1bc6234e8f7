import type { NodeSession } from '../../ports.js';
import { ancestorsOf } from '../node/ancestors.js';
import type { TreeEntry } from '../node/find-records.js';
import { walkTree } from '../node/walk-tree.js';
import type { LayersAnswer } from './ask-layers.js';
import { type DiffProblem, problemOfMany } from './diff-problem.js';

/**
 * On a node that reads by two walks (safe-tree.ts) a name can lead to another file while directories above it are swapped. So the tree is
 * walked again: what was read by names whose directories changed meanwhile is forgotten, and named.
 */
export async function forgetRacedMarks(
  session: NodeSession,
  root: string,
  upper: LayersAnswer,
  most: number,
  signal: AbortSignal,
): Promise<DiffProblem[]> {
  if (upper.reading === 'nosymfollow') return [];
  const { answer } = upper;
  const after = identities((await walkTree(session, root, most, signal)).entries);
  const changed = new Set([...identities(answer.entries)].filter(([path, identity]) => after.get(path) !== identity).map(([path]) => path));
  const raced = answer.entries.filter(({ path }) => ancestorsOf(path.toString('latin1')).some((above) => changed.has(above)));
  for (const { path, type } of raced) {
    const key = path.toString('latin1');
    const { opaque, redirects, metacopies, capabilities, whiteouts } = answer.marks;
    for (const marks of [opaque, redirects, metacopies, capabilities, whiteouts, answer.whiteouts]) marks.delete(key);
    if (type === 'file') answer.uncopied.add(key);
  }
  const detail = 'directories above it changed while its marks and attributes were read by name; they were not used';
  return problemOfMany(
    raced.map(({ path }) => path),
    'path-race',
    detail,
  );
}

/** What tells a directory that stayed as it was, by path. */
function identities(entries: readonly TreeEntry[]): Map<string, string> {
  const directories = entries.filter(({ type }) => type === 'directory');
  return new Map(directories.map(({ path, device, inode, ctime }) => [path.toString('latin1'), `${device} ${inode} ${ctime}`]));
}
