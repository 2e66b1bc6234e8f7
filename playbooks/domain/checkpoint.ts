import type { KeyObject } from 'node:crypto';
import { compactVerify, decodeProtectedHeader } from 'jose';
import { z } from 'zod';
import { sha256Schema } from './artifact.js';
import { TriageError } from './error.js';
import { parseJson } from './json.js';

/** The type of a checkpoint in its protected header (RFC 7515 section 4.1.9), so that no other signed text passes for one. */
export const checkpointType = 'podtriage-checkpoint';

const headSchema = z.strictObject({ seq: z.int().nonnegative(), hash: sha256Schema });

/** What a checkpoint signs: the chain up to an entry, and in an export the register and all other files of the bag. */
export const checkpointSchema = z.strictObject({
  run: z.string(),
  /** The last entry that it covers. */
  ...headSchema.shape,
  at: z.iso.datetime(),
  /** The last entry of the register when it was made. */
  register: headSchema.optional(),
  /** See `contentsOf`. */
  contents: sha256Schema.optional(),
});
export type Checkpoint = z.output<typeof checkpointSchema>;

/** A checkpoint that was found good, and the key that signed it. */
export interface SignedCheckpoint extends Checkpoint {
  readonly by: string;
}

/**
 * Reads a checkpoint (compact JWS, RFC 7515; EdDSA with Ed25519, RFC 8037).
 * @param keys public keys by `kid`
 * @throws TriageError `custody-broken` that says what is wrong with it
 */
export async function readCheckpoint(jws: string, keys: ReadonlyMap<string, KeyObject>): Promise<SignedCheckpoint> {
  const kid = kidOf(jws);
  const key = keys.get(kid);
  if (key === undefined) throw broken(`is signed by an unknown key ${kid}`);
  const verified = await compactVerify(jws, key, { algorithms: ['EdDSA'] }).catch((cause: unknown) => {
    throw broken('has a wrong signature', cause);
  });
  if (verified.protectedHeader.typ !== checkpointType) throw broken('is a signed text of another kind');
  const payload = checkpointSchema.safeParse(parseJson(Buffer.from(verified.payload).toString()));
  if (!payload.success) throw broken(`is malformed: ${z.prettifyError(payload.error)}`);
  return { ...payload.data, by: kid };
}

function kidOf(jws: string): string {
  try {
    return z.object({ kid: z.string().max(64) }).parse(decodeProtectedHeader(jws)).kid;
  } catch (cause) {
    throw broken('is no JWS with a key id', cause);
  }
}

function broken(problem: string, cause?: unknown): TriageError {
  return new TriageError('custody-broken', `the checkpoint ${problem}`, { cause });
}
