import type { Readable } from 'node:stream';
import type { Request } from 'express';
import type { EvidencePort } from '../playbooks/ports.js';
import type { EvidenceActs, EvidenceRead } from '../store/evidence-acts.js';
import { callerOf } from './caller.js';

/** Opens bytes of the evidence store for the caller. Who reads them is in custody before any of them goes. Throws `not-found`. */
export async function openForCaller(
  { evidence, acts }: { readonly evidence: EvidencePort; readonly acts: EvidenceActs },
  req: Request<{ run: string }>,
  read: EvidenceRead & { readonly sha256: string },
): Promise<Readable> {
  const bytes = await evidence.open(read.sha256);
  try {
    const { actor, reach } = callerOf(req);
    await acts.read(req.params.run, actor, read, reach);
  } catch (error) {
    bytes.destroy();
    throw error;
  }
  return bytes;
}
