import { Router } from 'express';
import type { ApiDeps } from '../deps.js';

/** `/quota`: what is used and left of each key, who waits, and when they will have their answers. */
export function quotaRoutes({ lookups }: Pick<ApiDeps, 'lookups'>): Router {
  return Router().get('/api/v1/quota', async (_req, res) => {
    res.json(await lookups.quota());
  });
}
