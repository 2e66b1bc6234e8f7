import { Router } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import { callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';

/** `/metrics` in Prometheus' text format. It tells of the whole installation, so that who asks must reach all of it; open to all only where the operator says so. */
export function metricsRoutes({ metrics: { page, open } }: Pick<ApiDeps, 'metrics'>): Router {
  return Router().get('/metrics', async (req, res) => {
    if (!open && callerOf(req).reach !== 'all')
      throw new TriageError('forbidden', 'metrics tell of the whole installation: the credential reaches only a part of it');
    const { type, text } = await page();
    res.set('Content-Type', type).send(text);
  });
}
