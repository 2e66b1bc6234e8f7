import type { NodeSession } from '../../ports.js';
import { type TreeEntry, treeEntries, treeFormatFromStart } from '../node/find-records.js';
import { askAboutNames } from '../node/listed-names.js';
import { roomFor } from '../node/node-command.js';

/** find takes the names before its expression, and xargs adds them at the end. */
const script = `exec find -P "$@" -maxdepth 0 -printf '${treeFormatFromStart}'`;

/** Asks one directory tree about paths as a walk of it would show them, following nothing. Paths that are not there are not in the answer. */
export async function describePaths(
  session: NodeSession,
  root: string,
  paths: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Map<string, TreeEntry>> {
  const entries = new Map<string, TreeEntry>();
  if (paths.length === 0) return entries;
  // Each entry can have a link target of 4 KiB besides its name.
  const stdout = await askAboutNames(
    session,
    'describe-paths',
    root,
    ['sh', '-c', script, 'podtriage'],
    paths,
    { maxBytes: roomFor(paths, 4_500) },
    signal,
  );
  for await (const entry of treeEntries(chunksOf(stdout))) entries.set(entry.path.toString('latin1'), entry);
  return entries;
}

async function* chunksOf(data: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield await Promise.resolve(data);
}
