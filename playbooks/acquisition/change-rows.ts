import type { Change, Place } from '../domain/change.js';
import { pathName } from '../domain/path-name.js';
import type { ContainerVolume, NodeContainer } from '../facts.js';
import { isoTime, type TreeEntry } from './find-records.js';
import { originOf } from './origin.js';
import type { Difference } from './overlay-diff.js';

/** The row of a difference between a container's root file system and its image. */
export function changeOfDifference(container: NodeContainer, { kind, path, now, before }: Difference): Change {
  const type = now?.type ?? (before === undefined || before.type === 'whiteout' ? 'unknown' : before.type);
  const subject = { kind, type, size: now?.size };
  return {
    ...pathOf(container, { kind: 'rootfs' }, path),
    kind,
    type,
    ...(now === undefined ? {} : seen(now)),
    ...(before === undefined ? {} : { modeBefore: before.mode }),
    origin: originOf(path.toString('latin1'), subject, container.mountPaths),
    method: 'overlay',
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
export function pathOf(container: NodeContainer, place: Place, path: Uint8Array): Pick<Change, 'container' | 'containerId' | 'place' | 'path'> {
  return { container: container.name, containerId: container.id, place, path: pathName(path) };
}

function seen(entry: TreeEntry): Partial<Change> {
  const mtime = isoTime(entry.mtime);
  const ctime = isoTime(entry.ctime);
  return {
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    inode: entry.inode,
    device: entry.device,
    links: entry.links,
    ...(mtime === undefined ? {} : { mtime }),
    ...(ctime === undefined ? {} : { ctime }),
    ...(entry.type === 'symlink' ? { target: pathName(entry.target) } : {}),
  };
}
