import type { Change, Place } from '../../domain/change.js';
import { pathName } from '../../domain/path-name.js';
import type { ContainerVolume, NodeContainer } from '../../facts.js';
import { isoTime, type TreeEntry } from '../node/find-records.js';
import { decodeCapabilities } from './capabilities.js';
import type { Difference } from './differences.js';
import { ownersSeen } from './id-map.js';
import type { LayerEntry } from './layer-entry.js';
import { originOf, type PlaceholderTraits } from './origin.js';

/** The row of a difference between a container's root file system and its image. */
export function changeOfDifference(container: NodeContainer, difference: Difference): Change {
  const { kind, path, now, before, metadataOnly, renamedFrom } = difference;
  const type = now?.type ?? typeOf(before) ?? 'unknown';
  const typeBefore = typeOf(before);
  return {
    ...pathOf(container, { kind: 'rootfs' }, path),
    kind,
    type,
    ...(now === undefined ? {} : { ...seen(now), ...ownersOf(now, container) }),
    ...(before === undefined && renamedFrom === undefined ? {} : { modeBefore: (before ?? renamedFrom?.entry)?.mode }),
    ...(typeBefore === undefined || typeBefore === type ? {} : { typeBefore }),
    ...(before?.type === 'file' && type === 'file' ? contentBefore(before) : {}),
    ...capabilitiesOf(difference),
    ...(metadataOnly === true ? { metadataOnly } : {}),
    ...(renamedFrom === undefined ? {} : { renamedFrom: pathName(renamedFrom.path) }),
    origin: originOf(path.toString('latin1'), placeholderOf(container, difference, type), container.mountPaths),
    method: 'overlay',
  };
}

/** What tells whether the image's file had another content. */
function contentBefore({ size, mtime }: LayerEntry): Partial<Change> {
  const mtimeBefore = isoTime(mtime);
  return { sizeBefore: size, ...(mtimeBefore === undefined ? {} : { mtimeBefore }) };
}

function typeOf(entry: LayerEntry | undefined): Exclude<LayerEntry['type'], 'whiteout'> | undefined {
  return entry === undefined || entry.type === 'whiteout' ? undefined : entry.type;
}

/** Owners as the container sees them, and the node's beside them where those are others. */
function ownersOf(now: TreeEntry, { idMaps }: NodeContainer): Partial<Change> {
  const { uid, gid } = ownersSeen(now, idMaps);
  return { uid, gid, ...(uid === now.uid ? {} : { nodeUid: now.uid }), ...(gid === now.gid ? {} : { nodeGid: now.gid }) };
}

/** A file that is deleted, or whose attributes could not be read, has none that we know of. */
function capabilitiesOf({ now, before, capability, renamedFrom, unread }: Difference): Partial<Change> {
  if (now?.type !== 'file' || unread === true) return {};
  const capabilities = capabilityText(capability);
  const source = before ?? renamedFrom?.entry;
  const capabilitiesBefore = source?.type === 'file' ? capabilityText(source.capability) : capabilities;
  return {
    ...(capabilities === '' ? {} : { capabilities }),
    ...(capabilitiesBefore === capabilities ? {} : { capabilitiesBefore }),
  };
}

function capabilityText(data: Buffer | undefined): string {
  return (data === undefined ? undefined : decodeCapabilities(data)) ?? '';
}

function placeholderOf({ idMaps }: NodeContainer, { kind, now, capability }: Difference, type: Change['type']): PlaceholderTraits {
  const owner = now === undefined ? undefined : ownersSeen(now, idMaps).uid;
  const byRoot = owner === 0 || now?.uid === 0;
  return {
    kind,
    type,
    ...(now === undefined ? {} : { size: now.size, mode: now.mode, target: now.target }),
    byRoot,
    hasAttributes: capability !== undefined,
  };
}

/** The row of a file that lies in a volume, for which there is no image to compare with. */
export function changeOfVolumeEntry(container: NodeContainer, volume: ContainerVolume, entry: TreeEntry): Change {
  const place: Place = { kind: 'volume', volume: volume.volume, mountPath: volume.mountPath };
  return {
    ...pathOf(container, place, entry.path),
    kind: 'present',
    type: entry.type,
    ...seen(entry),
    origin: 'container',
    method: 'volume',
  };
}

/** The part of a row that says which path of which container it is about. */
export function pathOf(
  { name, id, instance }: NodeContainer,
  place: Place,
  path: Uint8Array,
): Pick<Change, 'container' | 'containerId' | 'instance' | 'place' | 'path'> {
  return { container: name, containerId: id, ...(instance === 'current' ? {} : { instance }), place, path: pathName(path) };
}

function seen(entry: TreeEntry): Partial<Change> {
  const mtime = isoTime(entry.mtime);
  const ctime = isoTime(entry.ctime);
  return {
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    allocated: entry.allocated,
    inode: entry.inode,
    device: entry.device,
    links: entry.links,
    ...(mtime === undefined ? {} : { mtime }),
    ...(ctime === undefined ? {} : { ctime }),
    ...(entry.type === 'symlink' ? { target: pathName(entry.target) } : {}),
  };
}
