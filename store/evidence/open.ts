import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { TriageError } from '../../playbooks/domain/error.js';
import { createDiskEvidence } from './disk.js';
import type { EvidenceKeeper } from './keeper.js';
import type { S3Place } from './s3-client.js';

/** Where an installation keeps evidence. */
export type EvidencePlace =
  | { readonly kind: 'disk'; readonly folder: string }
  | (S3Place & {
      readonly kind: 's3';
      /** Folder of this machine for bytes on their way. */
      readonly staging: string;
    });

/** An open store. */
export interface OpenEvidence {
  readonly keeper: EvidenceKeeper;
  /** Throws when the store cannot be used at the moment. */
  ready(): Promise<void>;
}

/** Opens the store that the configuration names. Throws `config-invalid`, `store-unwritable`, `store-full`. */
export async function openEvidence(place: EvidencePlace): Promise<OpenEvidence> {
  if (place.kind === 'disk') {
    return { keeper: await createDiskEvidence(place.folder), ready: () => access(place.folder, constants.W_OK) };
  }
  // Its client is slow to load, and most installations do without.
  const { createS3Evidence } = await import('./s3.js');
  const store = await createS3Evidence(place, place.staging);
  return { keeper: store, ready: () => store.ready() };
}

/** The place as people write it. */
export function evidenceText(place: EvidencePlace): string {
  return place.kind === 'disk' ? place.folder : `s3://${place.bucket}/${place.prefix}`;
}

/** For who only looks: opening a folder makes it, and an empty store of the wrong name would be found to be whole. Throws `not-found`. */
export async function assertThere(place: EvidencePlace): Promise<void> {
  if (place.kind === 's3') return;
  await access(join(place.folder, 'sha256')).catch((cause: unknown) => {
    throw new TriageError('not-found', `there is no evidence store in ${place.folder}; check PODTRIAGE_DATA and PODTRIAGE_EVIDENCE`, { cause });
  });
}
