import { Router } from 'express';
import type { ApiDeps } from '../deps.js';
import { sendList } from '../page.js';
import { requireRun } from '../require-run.js';

/** `/runs/{run}/lookups`. */
export function lookupRoutes({ runs }: Pick<ApiDeps, 'runs'>): Router {
  return Router().get('/api/v1/runs/:run/lookups', async (req, res) => {
    const { id } = await requireRun(runs, req);
    await sendList(req, res, 'lookups', await runs.lookups(id));
  });
}
