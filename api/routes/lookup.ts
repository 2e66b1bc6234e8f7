import { Router } from 'express';
import { z } from 'zod';
import { sha256Schema } from '../../playbooks/domain/artifact.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { actorOf, callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';

const absent = { state: 'absent' } as const;

const askSchema = z.strictObject({ sha256: sha256Schema });

/** `/lookups` and `/lookups/{sha256}`: one hash at the lookup desk, apart from any run. */
export function deskRoutes({ lookups, access: { askers } }: Pick<ApiDeps, 'lookups' | 'access'>): Router {
  const router = Router();
  router.get('/api/v1/lookups/:sha256', async (req, res) => {
    const sha256 = sha256Schema.parse(req.params.sha256);
    const { reach, actor } = callerOf(req);
    // That somebody has asked tells what is in a namespace that he does not reach.
    const mayKnow = reach === 'all' || (await askers.has(sha256, actor));
    const view = mayKnow ? await lookups.lookup(sha256) : absent;
    if (view.state === 'absent') throw new TriageError('not-found', `nobody has asked about ${sha256}; POST /api/v1/lookups asks`);
    res.json(view);
  });
  router.post('/api/v1/lookups', async (req, res) => {
    const { sha256 } = askSchema.parse(req.body);
    await Promise.all([lookups.ask(sha256), askers.note(sha256, actorOf(req))]);
    const view = await lookups.lookup(sha256);
    res
      .status(202)
      .location(`/api/v1/lookups/${sha256}`)
      .json(view.state === 'absent' ? { state: 'waiting' } : view);
  });
  return router;
}
