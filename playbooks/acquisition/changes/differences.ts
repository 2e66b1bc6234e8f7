import type { NodeContainer } from '../../facts.js';
import type { TreeEntry } from '../node/find-records.js';
import { isAsked, type LayersAnswer } from './ask-layers.js';
import type { HiddenPaths } from './hidden-paths.js';
import { ownersSeen } from './id-map.js';
import type { LayerEntry } from './layer-entry.js';
import type { Lineage } from './lineage.js';
import type { Renamed } from './renamed-directories.js';

/** One difference between a container's root file system and its image. */
export interface Difference {
  readonly kind: 'added' | 'changed' | 'deleted';
  /** Raw bytes, relative to the root. */
  readonly path: Buffer;
  /** What stands there now; absent for deleted paths. */
  readonly now?: TreeEntry;
  /** What the image has there. */
  readonly before?: LayerEntry;
  /** Raw `security.capability` of what stands there now. */
  readonly capability?: Buffer;
  /** True when its extended attributes could not be read. */
  readonly unread?: boolean;
  /** Whether only metadata were copied up (overlayfs `metacopy`). */
  readonly metadataOnly?: boolean;
  /** Where the image has what was renamed to this path, and what it has there. */
  readonly renamedFrom?: { readonly path: Buffer; readonly entry: LayerEntry };
}

/** What a diff is made of. */
export interface Parts {
  readonly upper: LayersAnswer;
  readonly lineage: Lineage;
  readonly renamed: Renamed;
  readonly hidden: HiddenPaths;
  readonly idMaps: NodeContainer['idMaps'];
}

/** What the upper directory adds, changes and deletes. */
export function upperDifferences(parts: Parts): Difference[] {
  const { answer } = parts.upper;
  return answer.entries.flatMap((now) => {
    const key = now.path.toString('latin1');
    const before = answer.image.at(key);
    if (isWhiteout(parts, now)) return parts.lineage.isBelowRenamed(key) ? [] : [deleted(now.path, before)];
    const renamedFrom = originOf(parts, key);
    if (renamedFrom === undefined && isCopiedUp(now, before, parts.idMaps)) return [];
    const capability = answer.marks.capabilities.get(key);
    return [
      {
        kind: before === undefined ? ('added' as const) : ('changed' as const),
        path: now.path,
        now,
        ...(isAsked(now.path) && !answer.uncopied.has(key) ? {} : { unread: true }),
        ...(before === undefined ? {} : { before }),
        ...(capability === undefined ? {} : { capability }),
        ...(answer.marks.metacopies.has(key) ? { metadataOnly: true } : {}),
        ...(renamedFrom === undefined ? {} : { renamedFrom }),
      },
    ];
  });
}

function isWhiteout({ upper: { answer } }: Parts, { path, type, size }: TreeEntry): boolean {
  const key = path.toString('latin1');
  return answer.whiteouts.has(key) || (type === 'file' && size === 0 && answer.marks.whiteouts.has(key));
}

function deleted(path: Buffer, before: LayerEntry | undefined): Difference {
  return { kind: 'deleted', path, ...(before === undefined ? {} : { before }) };
}

function originOf({ lineage, renamed }: Parts, key: string): Difference['renamedFrom'] {
  const origin = lineage.renamedFrom(key);
  const entry = origin === undefined ? undefined : renamed.sources.at(origin);
  return origin === undefined || entry === undefined ? undefined : { path: Buffer.from(origin, 'latin1'), entry };
}

/** A directory is copied up whenever something below it changes; only its own mode and owners are a change of its own. */
function isCopiedUp(now: TreeEntry, before: LayerEntry | undefined, idMaps: NodeContainer['idMaps']): boolean {
  if (now.type !== 'directory' || before?.type !== 'directory') return false;
  const owners = ownersSeen(now, idMaps);
  return now.mode === before.mode && owners.uid === before.uid && owners.gid === before.gid;
}

/** What renamed directories brought along is as it was in the image, but stands under a new name. */
export function broughtDifferences(parts: Parts): Difference[] {
  const { renamed, hidden, lineage } = parts;
  return renamed.brought.flatMap((now) => {
    const key = now.path.toString('latin1');
    const origin = lineage.renamedFrom(key);
    if (origin === undefined) return [];
    const before = hidden.image.at(key);
    const capability = renamed.capabilities.get(key);
    const { type, mode, size, mtime, ...rest } = now;
    const entry: LayerEntry = { type: type === 'unknown' ? 'file' : type, mode, size, mtime, ...ownersSeen(rest, parts.idMaps) };
    return [
      {
        kind: before === undefined ? ('added' as const) : ('changed' as const),
        path: now.path,
        now,
        ...(before === undefined ? {} : { before }),
        ...(capability === undefined ? {} : { capability }),
        renamedFrom: { path: Buffer.from(origin, 'latin1'), entry: capability === undefined ? entry : { ...entry, capability } },
      },
    ];
  });
}

/** What the upper directory hides: deleted with what is above it. */
export function hiddenDifferences(parts: Parts): Difference[] {
  const { upper, renamed, hidden, lineage } = parts;
  const standing = new Set(renamed.brought.map(({ path }) => path.toString('latin1')));
  for (const entry of upper.answer.entries) {
    const key = entry.path.toString('latin1');
    if (!isWhiteout(parts, entry) || !lineage.isBelowRenamed(key)) standing.add(key);
  }
  return hidden.paths.filter((path) => !standing.has(path)).map((path) => deleted(Buffer.from(path, 'latin1'), hidden.image.at(path)));
}
