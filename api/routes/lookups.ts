import { Router } from 'express';
import { lookupSchema } from '../../playbooks/domain/lookup.js';
import type { ApiDeps } from '../deps.js';
import { sendListing } from '../listing.js';
import { sendList } from '../page.js';
import { requireRun } from '../require-run.js';
import { factsOf } from '../run-facts.js';

/** `/runs/{run}/lookups`: the newest listing in the evidence store, with what is pending and what was not asked; before there is one, the answers so far. */
export function lookupRoutes({ runs, evidence, acts }: Pick<ApiDeps, 'runs' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/lookups', async (req, res) => {
    const { id, amendments } = await requireRun(runs, req);
    const { lookups } = await factsOf(runs, id);
    if (lookups === undefined) {
      await sendList(req, res, 'lookups', await runs.lookups(id));
      return;
    }
    const sha256 = amendments.at(-1)?.lookups ?? lookups.sha256;
    await sendListing(req, res, { evidence, acts }, { name: 'lookups', schema: lookupSchema, sha256, count: lookups.count });
  });
}
