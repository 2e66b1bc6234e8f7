import { Router } from 'express';
import type { ApiDeps } from '../deps.js';
import { requireRun } from '../require-run.js';

/** `/runs/{run}/steps`: with facts, gaps and limits. */
export function stepRoutes({ runs }: Pick<ApiDeps, 'runs'>): Router {
  return Router().get('/api/v1/runs/:run/steps', async (req, res) => {
    const { steps } = await requireRun(runs, req);
    res.json({ steps });
  });
}
