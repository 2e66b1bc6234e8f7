import { Router } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import { processSchema } from '../../playbooks/domain/process.js';
import type { ApiDeps } from '../deps.js';
import { sendListing } from '../listing.js';
import { requireEvidence } from '../require-evidence.js';
import { factsOf } from '../run-facts.js';
import { whyMissing } from '../why-missing.js';

/** `/runs/{run}/processes`, read from the listing in the evidence store. */
export function processRoutes({ runs, evidence, acts }: Pick<ApiDeps, 'runs' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/processes', async (req, res) => {
    const view = await requireEvidence(runs, req);
    const { processes } = await factsOf(runs, view.id);
    if (processes === undefined) throw new TriageError('not-found', whyMissing(view, 'the processes have not been listed'));
    await sendListing(req, res, { evidence, acts }, { name: 'processes', schema: processSchema, ...processes });
  });
}
