import { type Request, Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import { runRequestSchema } from '../../playbooks/domain/request.js';
import { endStates, runStates } from '../../playbooks/domain/run.js';
import { verdictLevels } from '../../playbooks/domain/verdict.js';
import { newRunId } from '../../store/run-id.js';
import { defined } from '../../store/run-record.js';
import type { RunReader, RunView } from '../../store/run-view.js';
import { actorOf, assertReach, callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { assertEndpoints } from '../endpoints.js';
import { idempotent } from '../idempotency.js';
import { assertKnown } from '../known-names.js';
import { awaitChange, type Changeable, patience, weakTag } from '../long-poll.js';
import { queryOf } from '../page.js';
import { requireRun } from '../require-run.js';
import { runBody } from '../run-body.js';

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

const listSchema = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.string().optional(),
  cluster: z.string().optional(),
  namespace: z.string().optional(),
  pod: z.string().optional(),
  case: z.string().optional(),
  state: z.enum(runStates).optional(),
  verdict: z.enum(verdictLevels).optional(),
  from: time.optional(),
  to: time.optional(),
  batch: z.string().optional(),
});

const waitSchema = z.object({ wait: z.coerce.number().int().min(0).max(60).default(0) });

/** `/runs`, `/runs/{run}` and `/runs/{run}/cancel`. */
export function runRoutes(deps: ApiDeps): Router {
  const { runs, commander, claims } = deps;
  const router = Router();
  router.post('/api/v1/runs', async (req, res) => {
    const request = runRequestSchema.parse(req.body);
    assertKnown(deps, { playbook: request.playbook, cluster: request.target.cluster });
    assertReach(req, request.target);
    assertEndpoints(deps.endpoints, request.notify, request.target);
    const work = (id: string): Promise<RunView> => commander.openAndShow(request, actorOf(req), { id });
    const again = (id: string): Promise<RunView> => known(runs, id);
    const view = await idempotent(req, claims, { operation: 'POST /runs', request, newId: newRunId, work, again });
    res.status(202).location(`/api/v1/runs/${view.id}`).json(runBody(view));
  });
  router.get('/api/v1/runs', async (req, res) => {
    const { case: caseId, ...query } = queryOf(listSchema, req);
    res.json(await runs.list({ reach: callerOf(req).reach, ...defined({ ...query, caseId }) }));
  });
  router.get('/api/v1/runs/:run', async (req, res) => {
    const { wait } = waitSchema.parse(req.query);
    const view = await awaitRun(runs, req, wait * 1_000, patience(req, res));
    if (res.destroyed) return;
    res.set('ETag', runTag(view)).json(runBody(view));
  });
  router.post('/api/v1/runs/:run/cancel', async (req, res) => {
    const { id } = await requireRun(runs, req);
    const accepted = await commander.cancel(id, actorOf(req));
    res.status(accepted ? 202 : 200).json(runBody(await known(runs, id)));
  });
  return router;
}

/**
 * The run, as soon as it differs from what the caller knows. One that has ended is only waited for by who knows it as it is, and while answers may
 * still amend its report. Throws `not-found`.
 */
function awaitRun(runs: RunReader, req: Request<{ run: string }>, ms: number, signal: AbortSignal): Promise<RunView> {
  const known = req.get('if-none-match');
  const subject: Changeable<RunView> = {
    changed: (left, over) => runs.changed(req.params.run, left, over),
    look: () => requireRun(runs, req),
    tag: runTag,
    isOver: ({ state, pendingLookups }) => endStates.has(state) && (known === undefined || pendingLookups === undefined),
  };
  return awaitChange(subject, known, ms, signal);
}

/** The weak entity tag of a run as it is answered. */
function runTag(view: RunView): string {
  return weakTag(JSON.stringify(runBody(view)));
}

async function known(runs: RunReader, id: string): Promise<RunView> {
  const view = await runs.get(id);
  if (view === undefined) throw new TriageError('internal', `run ${id} has been opened but cannot be read`);
  return view;
}
