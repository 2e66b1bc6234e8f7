import { Router } from 'express';
import type { ApiDeps } from '../deps.js';
import { sendList } from '../page.js';
import { requireEvidence } from '../require-evidence.js';

/** `/runs/{run}/artifacts`. */
export function artifactRoutes({ runs }: Pick<ApiDeps, 'runs'>): Router {
  return Router().get('/api/v1/runs/:run/artifacts', async (req, res) => {
    const { id } = await requireEvidence(runs, req);
    await sendList(req, res, 'artifacts', await runs.artifacts(id));
  });
}
