import type { ContainerVolume } from '../../facts.js';

/** What is done with a volume: its files are hashed and taken, or only its entries are listed, or it is only named. */
export const treatments = ['taken', 'listed', 'named'] as const;
export type Treatment = (typeof treatments)[number];

/** Local file systems. A server of the suspect's choice (nfs, fuse) could hang whoever lists what it serves. */
const local: ReadonlySet<string> = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'vfat', 'tmpfs', 'ramfs', 'overlay']);

/**
 * Whether the files of such a volume are taken: of what belongs to the pod alone, never of secrets, tokens and configuration, of directories
 * of the node, or of what outlives the pod.
 */
export function isContentTaken({ kind, shared }: Pick<ContainerVolume, 'kind' | 'shared'>): boolean {
  return (kind === 'empty-dir' || kind === 'shm' || kind === 'tmpfs') && (shared === 'container' || shared === 'pod');
}

/** The policy for a volume. */
export function treatmentOf(volume: ContainerVolume): Treatment {
  const { kind, source, filesystem, wide, mountId } = volume;
  if (isContentTaken(volume)) return source === undefined && mountId === undefined ? 'named' : 'taken';
  const listed = (kind === 'host-path' || kind === 'persistent') && source !== undefined && wide !== true;
  return listed && filesystem !== undefined && local.has(filesystem) ? 'listed' : 'named';
}

/** Kubelet and runtime write these; the container cannot hide anything there but in files that have one purpose. */
const ofOthers: ReadonlySet<ContainerVolume['kind']> = new Set(['secret', 'config-map', 'projected', 'runtime']);

/** Writable places that no diff shows and whose files are not taken: the headline must name them. */
export function isBlindSpot(volume: ContainerVolume): boolean {
  return !volume.readOnly && !ofOthers.has(volume.kind) && treatmentOf(volume) !== 'taken';
}
