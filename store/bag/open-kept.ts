import type { Readable } from 'node:stream';
import { TriageError } from '../../playbooks/domain/error.js';
import type { EvidencePort } from '../../playbooks/ports.js';

/** Opens bytes of the evidence store; undefined when it does not have them. Throws what the store throws otherwise. */
export async function openKept(evidence: EvidencePort, sha256: string): Promise<Readable | undefined> {
  try {
    return await evidence.open(sha256);
  } catch (error) {
    if (error instanceof TriageError && error.code === 'not-found') return undefined;
    throw error;
  }
}
