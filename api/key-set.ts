import type { PublicKey } from '../store/public-keys.js';

/** The JWK set (RFC 7517) of Ed25519 keys (RFC 8037), as it is served and put into bags. `podtriage_role` says what a key may sign. */
export function keySet(keys: readonly PublicKey[]): { keys: object[] } {
  return { keys: [...new Map(keys.map((key) => [key.kid, jwk(key)])).values()] };
}

function jwk({ kid, key, role }: PublicKey): object {
  const { kty, crv, x } = key.export({ format: 'jwk' });
  return { kty, crv, x, kid, use: 'sig', alg: 'EdDSA', ...(role === undefined ? {} : { podtriage_role: role }) };
}
