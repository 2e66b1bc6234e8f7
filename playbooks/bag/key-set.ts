import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { TriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';

const jwkSchema = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.base64url().length(43), kid: z.string() });
const keySetSchema = z.object({ keys: z.array(jwkSchema).max(10_000) });

/** The id of a public key: the first 16 hex digits of sha256 over its SPKI (DER). */
export function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

/** A key set as it was read, and what is wrong with single keys of it. */
export interface KeySet {
  /** By `kid`. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly problems: readonly string[];
}

/** Reads a JWK set (RFC 7517) of Ed25519 keys (RFC 8037). A key whose id is not its own is left out. Throws `config-invalid` for what is no such set. */
export function readKeySet(text: string): KeySet {
  const set = keySetSchema.safeParse(parseJson(text));
  if (!set.success) throw new TriageError('config-invalid', 'is no JWK set of Ed25519 keys');
  const keys = new Map<string, KeyObject>();
  const problems: string[] = [];
  for (const { kid, ...jwk } of set.data.keys) {
    const key = publicKeyOf(jwk);
    const id = key === undefined ? undefined : keyIdOf(key);
    if (key === undefined) problems.push(`the key ${kid} is no Ed25519 key`);
    else if (id !== kid) problems.push(`the key that is called ${kid} is in truth ${id ?? ''}`);
    else if (keys.has(kid)) problems.push(`the key ${kid} stands there twice`);
    else keys.set(kid, key);
  }
  return { keys, problems };
}

function publicKeyOf(jwk: { kty: string; crv: string; x: string }): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}
