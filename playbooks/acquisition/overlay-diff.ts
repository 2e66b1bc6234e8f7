import { TriageError } from '../domain/error.js';
import type { Overlay } from '../facts.js';
import type { NodeSession } from '../ports.js';
import { ancestorsOf } from './ancestors.js';
import { fewAtATime } from './few-at-a-time.js';
import type { TreeEntry } from './find-records.js';
import { hiddenPaths } from './hidden-paths.js';
import { type Layer, type LayerEntry, resolveInLayers, statPaths } from './lower-layers.js';
import { directoryMarks } from './opaque.js';
import { walkTree } from './walk-tree.js';

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
  /** False when the upper directory has more entries than were asked for. */
  readonly complete: boolean;
}

/** Lists what differs from the image, decided against the lower layers: not by times, and without mounting the overlay again. */
export async function overlayDiff(session: NodeSession, overlay: Overlay, most: number, signal: AbortSignal): Promise<OverlayDiff> {
  const { entries, complete } = await walkTree(session, overlay.upper, most, signal);
  const [whiteouts, marks, layers] = await Promise.all([
    findWhiteouts(session, overlay.upper, entries, signal),
    directoryMarks(session, overlay.upper, pathsOf(entries, 'directory'), overlay.userxattr, signal),
    readLayers(session, overlay, pathsOf(entries), signal),
  ]);
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
  const hidden = await hiddenDifferences(session, overlay, hides, entries, signal);
  return { differences: [...differences, ...hidden], complete, redirected: [...marks.redirected].map((path) => Buffer.from(path, 'latin1')) };
}

function pathsOf(entries: readonly TreeEntry[], only?: TreeEntry['type']): Buffer[] {
  return entries.filter(({ type }) => only === undefined || type === only).map(({ path }) => path);
}

/** find cannot print device numbers, and a device node without permissions looks like a whiteout to it. */
async function findWhiteouts(session: NodeSession, upper: string, entries: readonly TreeEntry[], signal: AbortSignal): Promise<ReadonlySet<string>> {
  const devices = await statPaths(session, upper, pathsOf(entries, 'char'), signal);
  return new Set([...devices].filter(([, entry]) => entry.type === 'whiteout').map(([path]) => path));
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
async function readLayers(session: NodeSession, overlay: Overlay, paths: readonly Uint8Array[], signal: AbortSignal): Promise<Layer[]> {
  return paths.length === 0 ? [] : fewAtATime(overlay.lowers, (lower) => readLayer(session, overlay, lower, paths, signal));
}

async function readLayer(session: NodeSession, overlay: Overlay, lower: string, paths: readonly Uint8Array[], signal: AbortSignal): Promise<Layer> {
  const entries = await statPaths(session, lower, paths, signal).catch((error: unknown) => refuseLayer(error, lower, session.node.name));
  // Nothing lies below the last layer that an opaque directory of it could hide.
  if (lower === overlay.lowers.at(-1)) return { entries, opaque: new Set() };
  const directories = [...entries].filter(([, entry]) => entry.type === 'directory').map(([path]) => Buffer.from(path, 'latin1'));
  const { opaque } = await directoryMarks(session, lower, directories, overlay.userxattr, signal);
  return { entries, opaque };
}

/** With a user namespace of its own (`hostUsers: false`) a container's lower layers are mounts of the runtime that the node does not show. */
function refuseLayer(error: unknown, lower: string, node: string): never {
  if (!(error instanceof TriageError) || error.code !== 'pod-gone') throw error;
  const message = `the image layer ${lower} is not to be found on node ${node}: pods with hostUsers: false cannot be compared with their image yet`;
  throw new TriageError('unsupported-snapshotter', message, { cause: error });
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
  const layers = await readLayers(session, overlay, withEveryAncestor(hidden), signal);
  return hidden.flatMap((path) => {
    const before = resolveInLayers(path.toString('latin1'), layers);
    return before === undefined ? [] : [{ kind: 'deleted' as const, path, before }];
  });
}

function withEveryAncestor(paths: readonly Buffer[]): Buffer[] {
  const keys = paths.map((path) => path.toString('latin1'));
  return [...new Set(keys.flatMap((key) => [...ancestorsOf(key), key]))].map((key) => Buffer.from(key, 'latin1'));
}
