import type { Artifact } from '../playbooks/domain/artifact.js';
import { type Act, sha256Hex } from '../playbooks/domain/custody.js';
import type { Lookup } from '../playbooks/domain/lookup.js';

/** A record and the entry that holds its digest: they are written together. */
export interface RecordedItem {
  readonly field: string;
  readonly value: string;
  readonly act: Act;
}

/** An artifact, by its id. */
export function artifactItem(artifact: Artifact): RecordedItem {
  const value = JSON.stringify(artifact);
  const { id, kind, sha256, size, method, unstable } = artifact;
  const detail = { kind, sha256, size, method, record: sha256Hex(value), unstable };
  return { field: id, value, act: { act: artifactAct(artifact), subject: id, detail } };
}

/** An answer, by its hash. */
export function lookupItem(lookup: Lookup): RecordedItem {
  const value = JSON.stringify(lookup);
  const { sha256, source, status, cached, answer } = lookup;
  const detail = { source, status, cached, record: sha256Hex(value), answer };
  return { field: sha256, value, act: { act: 'lookup.answered', subject: sha256, detail } };
}

function artifactAct({ known, left }: Artifact): 'artifact.known' | 'artifact.left' | 'artifact.stored' {
  if (left === true) return 'artifact.left';
  return known ? 'artifact.known' : 'artifact.stored';
}
