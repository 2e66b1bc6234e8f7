import { type Request, Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import { type RunRequest, runRequestSchema } from '../../playbooks/domain/request.js';
import { endStates, runStates } from '../../playbooks/domain/run.js';
import { verdictLevels } from '../../playbooks/domain/verdict.js';
import { newRunId } from '../../store/run-id.js';
import { defined } from '../../store/run-record.js';
import type { RunReader, RunView } from '../../store/run-view.js';
import { actorOf, assertReach, callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { assertEndpoints } from '../endpoints.js';
import { idempotent } from '../idempotency.js';
import { awaitChange, patience, runTag } from '../long-poll.js';
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
    checkNames(deps, request);
    assertReach(req, request.target);
    assertEndpoints(deps.endpoints, request.notify, request.target);
    const what = { operation: 'POST /runs', request, newId: newRunId };
    const id = await idempotent(req, claims, what, (made) => commander.open(request, actorOf(req), { id: made }));
    res
      .status(202)
      .location(`/api/v1/runs/${id}`)
      .json(runBody(await known(runs, id)));
  });
  router.get('/api/v1/runs', async (req, res) => {
    const { case: caseId, ...query } = queryOf(listSchema, req);
    res.json(await runs.list({ reach: callerOf(req).reach, ...defined({ ...query, caseId }) }));
  });
  router.get('/api/v1/runs/:run', async (req, res) => {
    const { wait } = waitSchema.parse(req.query);
    const first = await requireRun(runs, req);
    const view = wait === 0 ? first : await awaitChange(runs, first.id, knownTag(req, first), wait * 1_000, patience(req, res));
    if (res.destroyed) return;
    const answer = view ?? (await requireRun(runs, req));
    res.set('ETag', runTag(answer)).json(runBody(answer));
  });
  router.post('/api/v1/runs/:run/cancel', async (req, res) => {
    const { id } = await requireRun(runs, req);
    const accepted = await commander.cancel(id, actorOf(req));
    res.status(accepted ? 202 : 200).json(runBody(await known(runs, id)));
  });
  return router;
}

/** What the caller knows of the run; without a tag of his own, what it is now, unless it has ended: then there is nothing to wait for. */
function knownTag(req: Request<{ run: string }>, now: RunView): string | undefined {
  return req.get('if-none-match') ?? (endStates.has(now.state) ? undefined : runTag(now));
}

function checkNames({ playbooks, clusters }: ApiDeps, { playbook, target }: RunRequest): void {
  if (!playbooks.some(({ name }) => name === playbook))
    throw new TriageError('playbook-unknown', `there is no playbook "${playbook}"; GET /api/v1/playbooks lists them`);
  if (!clusters.includes(target.cluster))
    throw new TriageError('unknown-cluster', `no worker serves a cluster "${target.cluster}"; known: ${clusters.join(', ')}`);
}

async function known(runs: RunReader, id: string): Promise<RunView> {
  const view = await runs.get(id);
  if (view === undefined) throw new TriageError('internal', `run ${id} has been opened but cannot be read`);
  return view;
}
