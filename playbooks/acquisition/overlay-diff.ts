import type { Overlay } from '../facts.js';
import type { NodeSession } from '../ports.js';
import { parseTreeEntries, type TreeEntry, walkArgv } from './find-records.js';
import { hiddenPaths } from './hidden-paths.js';
import { type Layer, type LayerEntry, resolveInLayers, statPaths } from './lower-layers.js';
import { checkExit, collect, nodeCommand } from './node-command.js';
import { directoryMarks } from './opaque.js';
import { checkEntered, insideTree } from './safe-tree.js';

/** One difference between a container's root file system and its image. */
export interface Difference {
  readonly kind: 'added' | 'changed' | 'deleted';
  /** What stands there now; absent for deleted paths. */
  readonly now?: TreeEntry;
  /** What the image has there. */
  readonly before?: LayerEntry;
  /** Raw bytes, relative to the root. */
  readonly path: Buffer;
}

export interface OverlayDiff {
  readonly differences: readonly Difference[];
  /** Directories that were renamed by redirect: what they brought along is not listed. Safe to print after pathName(). */
  readonly redirected: readonly Buffer[];
}

/** How many layers are asked at the same time. */
const width = 3;

/** Walks one directory tree of the node safely. Throws what {@link checkEntered} and find's own failure mean. */
export async function walkTree(session: NodeSession, root: string, maxBytes: number, signal: AbortSignal): Promise<TreeEntry[]> {
  const command = nodeCommand('walk-tree', insideTree(root, walkArgv), { maxBytes });
  const { stdout, outcome } = await collect(session, command, signal);
  checkEntered(outcome, root, session.node.name);
  checkExit(command, session.node.name, outcome);
  return parseTreeEntries(stdout);
}

/** Lists what differs from the image, decided against the lower layers: not by times, and without mounting the overlay again. */
export async function overlayDiff(session: NodeSession, overlay: Overlay, maxBytes: number, signal: AbortSignal): Promise<OverlayDiff> {
  const entries = await walkTree(session, overlay.upper, maxBytes, signal);
  const devices = entries.filter(({ type }) => type === 'char').map(({ path }) => path);
  const whiteouts = new Set(
    [...(await statPaths(session, overlay.upper, devices, signal))].filter(([, entry]) => entry.type === 'whiteout').map(([path]) => path),
  );
  const directories = entries.filter(({ type }) => type === 'directory').map(({ path }) => path);
  const marks = await directoryMarks(session, overlay.upper, directories, overlay.userxattr, signal);
  const layers = await readLayers(
    session,
    overlay,
    entries.map(({ path }) => path),
    signal,
  );
  const differences: Difference[] = [];
  const hides: Buffer[] = [];
  for (const entry of entries) {
    const key = entry.path.toString('latin1');
    const before = resolveInLayers(key, layers);
    const difference = compare(entry, before, whiteouts.has(key));
    if (difference !== undefined) differences.push(difference);
    const hidesBelow = entry.type !== 'directory' || marks.opaque.has(key);
    if (before?.type === 'directory' && hidesBelow) hides.push(entry.path);
  }
  differences.push(...(await hiddenDifferences(session, overlay, hides, entries, signal)));
  return { differences, redirected: [...marks.redirected].map((path) => Buffer.from(path, 'latin1')) };
}

function compare(now: TreeEntry, before: LayerEntry | undefined, isWhiteout: boolean): Difference | undefined {
  const { path } = now;
  if (isWhiteout) return { kind: 'deleted', path, ...(before === undefined ? {} : { before }) };
  if (before === undefined) return { kind: 'added', path, now };
  // A directory is copied up whenever something below it changes; only its own mode and owners are a change of its own.
  const copiedUp =
    now.type === 'directory' && before.type === 'directory' && now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
  return copiedUp ? undefined : { kind: 'changed', path, now, before };
}

/** Asks every lower layer about the same paths; the topmost first in the answer. */
export async function readLayers(session: NodeSession, overlay: Overlay, paths: readonly Uint8Array[], signal: AbortSignal): Promise<Layer[]> {
  const layers: Layer[] = [];
  if (paths.length === 0) return layers;
  for (let at = 0; at < overlay.lowers.length; at += width) {
    const group = overlay.lowers.slice(at, at + width);
    layers.push(...(await Promise.all(group.map((lower) => readLayer(session, lower, paths, overlay.userxattr, signal)))));
  }
  return layers;
}

async function readLayer(session: NodeSession, lower: string, paths: readonly Uint8Array[], userxattr: boolean, signal: AbortSignal): Promise<Layer> {
  const entries = await statPaths(session, lower, paths, signal);
  const directories = [...entries].filter(([, entry]) => entry.type === 'directory').map(([path]) => Buffer.from(path, 'latin1'));
  const { opaque } = await directoryMarks(session, lower, directories, userxattr, signal);
  return { entries, opaque };
}

async function hiddenDifferences(
  session: NodeSession,
  overlay: Overlay,
  hides: readonly Buffer[],
  upper: readonly TreeEntry[],
  signal: AbortSignal,
): Promise<Difference[]> {
  if (hides.length === 0) return [];
  const standing = new Set(upper.map(({ path }) => path.toString('latin1')));
  const hidden = (await hiddenPaths(session, overlay.lowers, hides, signal)).filter((path) => !standing.has(path.toString('latin1')));
  const roots = withEveryAncestor(hidden);
  const layers = await readLayers(session, overlay, roots, signal);
  return hidden.flatMap((path) => {
    const before = resolveInLayers(path.toString('latin1'), layers);
    return before === undefined ? [] : [{ kind: 'deleted' as const, path, before }];
  });
}

function withEveryAncestor(paths: readonly Buffer[]): Buffer[] {
  const all = new Set<string>();
  for (const path of paths) {
    const key = path.toString('latin1');
    for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) all.add(key.slice(0, at));
    all.add(key);
  }
  return [...all].map((path) => Buffer.from(path, 'latin1'));
}
