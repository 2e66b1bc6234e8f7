import { Router } from 'express';
import type { ApiDeps } from '../deps.js';

/** `/playbooks`. */
export function playbookRoutes({ playbooks }: Pick<ApiDeps, 'playbooks'>): Router {
  return Router().get('/api/v1/playbooks', (_req, res) => {
    res.json({ playbooks });
  });
}
