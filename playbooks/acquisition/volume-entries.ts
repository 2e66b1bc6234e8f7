import type { ContainerVolume } from '../facts.js';

/** Volumes whose files are taken: what the pod itself can write and only it. */
export function isCollected(volume: ContainerVolume): boolean {
  return volume.kind === 'empty-dir';
}

/** Writable places that no diff shows and that are not collected: the headline must name them. */
export function isBlindSpot(volume: ContainerVolume): boolean {
  return !volume.readOnly && (volume.kind === 'host-path' || volume.kind === 'persistent' || volume.kind === 'other');
}
