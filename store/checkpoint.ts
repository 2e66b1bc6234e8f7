import { CompactSign } from 'jose';
import { canonical } from '../playbooks/domain/canonical.js';
import { type Checkpoint, checkpointType } from '../playbooks/domain/checkpoint.js';
import type { Signer } from './signing-key.js';

/** Signs the head of a chain as a compact JWS. */
export function signCheckpoint(checkpoint: Checkpoint, { kid, privateKey }: Signer): Promise<string> {
  return new CompactSign(Buffer.from(canonical(checkpoint))).setProtectedHeader({ alg: 'EdDSA', kid, typ: checkpointType }).sign(privateKey);
}
