import type { KeyObject } from 'node:crypto';
import { Router } from 'express';
import type { ApiDeps } from '../deps.js';

/** `/.well-known/jwks.json`: with these keys anybody can check a chain of custody. */
export function keyRoutes({ publicKeys }: Pick<ApiDeps, 'publicKeys'>): Router {
  const keys = Array.from(publicKeys, jwk);
  return Router().get('/.well-known/jwks.json', (_req, res) => {
    res.json({ keys });
  });
}

function jwk([kid, key]: [string, KeyObject]): object {
  const { kty, crv, x } = key.export({ format: 'jwk' });
  return { kty, crv, x, kid, use: 'sig', alg: 'EdDSA' };
}
