import type { ContainerVolume } from '../../facts.js';
import { type Mount, parseOverlayOptions } from '../node/mountinfo.js';
import { ownMounts } from './own-mounts.js';
import { isWithin, nodeMountOf, podFolderOf, type RecordedMount, sourceOf } from './volume-source.js';

/** What is known of a container's mounts. */
export interface MountSources {
  /** The container's. */
  readonly id: string;
  /** Those of the runtime's record. */
  readonly mounts: readonly RecordedMount[];
  /** Kubelet's uid of the pod, which is in its folder's name. */
  readonly podUid: string;
  /** The mount table of the container's init process; empty for an ended container. The process can be hostile: nothing of it is opened by name. */
  readonly own: readonly Mount[];
  /** The node's own mount table. */
  readonly node: readonly Mount[];
}

/**
 * All mounts of a container that files can lie in. Paths of the node come from the runtime's record alone, and of a subPath only the volume's
 * own directory: what lies below it is named as the suspect likes. Devices and types of these are those of the node's own mount table.
 */
export function containerVolumes({ id, mounts, podUid, own, node }: MountSources): ContainerVolume[] {
  const podFolder = podFolderOf(mounts, podUid);
  const recorded = mounts.filter(({ source }) => source.startsWith('/')).map((mount) => volumeOf(mount, id, podFolder, own, node));
  return [...recorded, ...ownMounts({ mounts, podFolder, own, node })];
}

function volumeOf(mount: RecordedMount, id: string, podFolder: string | undefined, own: readonly Mount[], node: readonly Mount[]): ContainerVolume {
  const { volume, kind, source, shared } = sourceOf(mount, id, podFolder, node);
  const place = source === undefined ? undefined : nodeMountOf(source, node);
  // A container with CAP_SYS_ADMIN can make a read-only mount writable.
  const readOnly = mount.readOnly && !own.some(({ mountPoint, options }) => mountPoint === mount.destination && options.includes('rw'));
  const wide = kind === 'host-path' && source !== undefined && isWide(source, podFolder, node);
  return {
    volume,
    kind,
    mountPath: mount.destination,
    ...(source === undefined ? {} : { source }),
    ...(place === undefined ? {} : { device: place.device, filesystem: place.type }),
    ...(wide ? { wide } : {}),
    readOnly,
    shared,
  };
}

const kernelFolders = ['/proc', '/sys', '/dev'];

/** Whether a directory of the node holds what is not the pod's to show: the node's root, other pods' volumes, layers and roots of containers. */
function isWide(source: string, podFolder: string | undefined, node: readonly Mount[]): boolean {
  const path = source.replace(/\/+$/, '');
  if (path === '' || kernelFolders.some((folder) => isWithin(path, folder))) return true;
  const folders = node.flatMap(containerFolders);
  if (podFolder !== undefined) folders.push(podFolder.replace(/\/pods\/[^/]*$/, ''));
  return folders.some((folder) => isWithin(folder, path) || isWithin(path, folder));
}

/** Where a container's root file system is mounted, and the folder of all layers. */
function containerFolders({ type, mountPoint, superOptions }: Mount): string[] {
  if (type !== 'overlay' || mountPoint === '/') return [];
  const layer = parseOverlayOptions(superOptions)?.upper.replace(/\/[^/]*$/, '');
  return [mountPoint, ...(layer === undefined ? [] : [layer.replace(/\/[^/]*$/, '')])];
}
