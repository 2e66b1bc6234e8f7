import { Router } from 'express';
import { changeSchema } from '../../playbooks/domain/change.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { ApiDeps } from '../deps.js';
import { sendListing } from '../listing.js';
import { requireEvidence } from '../require-evidence.js';
import { factsOf } from '../run-facts.js';
import { whyMissing } from '../why-missing.js';

/** `/runs/{run}/changes`, read from the listing in the evidence store. */
export function changeRoutes({ runs, evidence, acts }: Pick<ApiDeps, 'runs' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/changes', async (req, res) => {
    const view = await requireEvidence(runs, req);
    const { changes } = await factsOf(runs, view.id);
    if (changes === undefined) throw new TriageError('not-found', whyMissing(view, 'the changes have not been listed'));
    await sendListing(req, res, { evidence, acts }, { name: 'changes', schema: changeSchema, ...changes });
  });
}
