import { z } from 'zod';
import { treatmentOf, treatments } from '../acquisition/volumes/volume-entries.js';
import { safeText } from '../domain/short-text.js';
import { containerVolumeSchema, type NodeContainer } from '../facts.js';

/** A mount of a container, and what was done with it. Text of the suspect is safe to print. */
export const mountRowSchema = z.object({
  container: z.string(),
  instance: z.literal('previous').optional(),
  ...containerVolumeSchema.pick({ volume: true, kind: true, mountPath: true, filesystem: true, readOnly: true, shared: true }).shape,
  /** `taken`: its files were hashed and taken, within the caps. `listed`: its entries, without content. `named`: nothing of it was read. */
  treatment: z.enum(treatments),
});
export type MountRow = z.output<typeof mountRowSchema>;

/** What a record of mounts is: a row for each of a container's. */
export function mountRows(containers: readonly NodeContainer[]): MountRow[] {
  return containers.flatMap(({ name, instance, volumes }) =>
    volumes.map((volume) => ({
      container: name,
      ...(instance === 'previous' ? { instance } : {}),
      volume: shown(volume.volume),
      kind: volume.kind,
      mountPath: shown(volume.mountPath),
      ...(volume.filesystem === undefined ? {} : { filesystem: shown(volume.filesystem) }),
      readOnly: volume.readOnly,
      shared: volume.shared,
      treatment: treatmentOf(volume),
    })),
  );
}

function shown(text: string): string {
  return safeText(text, 300);
}
