import { Router } from 'express';
import type { ApiDeps } from '../deps.js';
import { keySet } from '../key-set.js';

/** `/.well-known/jwks.json`: with these keys anybody can check a chain of custody. */
export function keyRoutes({ publicKeys }: Pick<ApiDeps, 'publicKeys'>): Router {
  return Router().get('/.well-known/jwks.json', async (_req, res) => {
    res.json(keySet(await publicKeys()));
  });
}
