import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { type BatchRequest, batchRequestSchema, batchStates, batchTargetStates } from '../../playbooks/domain/batch.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { namespaceOf } from '../../playbooks/fleet/select-pods.js';
import { isBatchEnd } from '../../store/batches.js';
import { newBatchId } from '../../store/batches-ids.js';
import type { Wish } from '../../store/batches-texts.js';
import type { BatchView } from '../../store/batches-view.js';
import { defined } from '../../store/run-record.js';
import { actorOf, assertReach, callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { assertEndpoints } from '../endpoints.js';
import { idempotent } from '../idempotency.js';
import { assertKnown } from '../known-names.js';
import { awaitChange, type Changeable, patience, weakTag } from '../long-poll.js';

const pageSchema = z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(100), cursor: z.string().optional() });
const listSchema = pageSchema.extend({ state: z.enum(batchStates).optional() });
const targetsSchema = pageSchema.extend({ cursor: z.coerce.number().int().nonnegative().default(0), state: z.enum(batchTargetStates).optional() });
const waitSchema = z.object({ wait: z.coerce.number().int().min(0).max(60).default(0) });

/** `/batches`, `/batches/{batch}`, `/batches/{batch}/targets`, and what batches can be told. */
export function batchRoutes(deps: ApiDeps): Router {
  const { batches, claims } = deps;
  const router = Router();
  router.post('/api/v1/batches', async (req, res) => {
    const request = parseRequest(req.body, deps.maxBatchPods);
    assertKnown(deps, request);
    assertFits(deps, request);
    assertMayAsk(req, request);
    assertEndpoints(deps.endpoints, request.notify, { cluster: request.cluster, namespace: namespaceOf(request.select) });
    const caller = callerOf(req);
    const again = (id: string): Promise<BatchView> => requireBatch(deps, req, id);
    const work = async (id: string): Promise<BatchView> => again(await batches.open(request, caller, id));
    const view = await idempotent(req, claims, { operation: 'POST /batches', request, newId: newBatchId, work, again });
    res.status(202).location(`/api/v1/batches/${view.id}`).json(view);
  });
  router.get('/api/v1/batches', async (req, res) => {
    const { limit, cursor, state } = listSchema.parse(req.query);
    const { items, next } = await batches.list({ limit, ...defined({ cursor, state }) }, callerOf(req));
    res.json({ batches: items, ...defined({ next }) });
  });
  router.get('/api/v1/batches/:batch', async (req, res) => {
    const { wait } = waitSchema.parse(req.query);
    const view = await awaitBatch(deps, req, wait * 1_000, patience(req, res));
    if (res.destroyed) return;
    res.set('ETag', batchTag(view)).json(view);
  });
  router.get('/api/v1/batches/:batch/targets', async (req, res) => {
    const { limit, cursor, state } = targetsSchema.parse(req.query);
    const { id } = await requireBatch(deps, req, req.params.batch);
    const { items, next } = await batches.targets(id, { limit, from: cursor, ...defined({ state }) });
    res.json({ targets: items, ...defined({ next }) });
  });
  for (const wish of ['pause', 'resume', 'cancel', 'retry'] as const)
    router.post(`/api/v1/batches/:batch/${wish}`, (req, res) => told(deps, req, res, wish));
  return router;
}

/** Who does not say how many pods there may be gets no more than the installation allows. */
function parseRequest(body: unknown, maxBatchPods: number): BatchRequest {
  const request = batchRequestSchema.parse(body);
  const isSaid = typeof body === 'object' && body !== null && 'maxPods' in body;
  return isSaid ? request : { ...request, maxPods: Math.min(request.maxPods, maxBatchPods) };
}

async function told(deps: ApiDeps, req: Request<{ batch: string }>, res: Response, wish: Wish): Promise<void> {
  const { id, request } = await requireBatch(deps, req, req.params.batch);
  if (wish === 'retry') assertMayAsk(req, request);
  const isHeard = await deps.batches.wish(id, wish, actorOf(req));
  res.status(isHeard ? 202 : 200).json(await requireBatch(deps, req, id));
}

/** The batch. Throws `not-found`, also where the caller may not know that there is such a batch. */
export async function requireBatch({ batches }: Pick<ApiDeps, 'batches'>, req: Request<object>, id: string): Promise<BatchView> {
  const view = await batches.get(id, callerOf(req as Request));
  if (view === undefined) throw new TriageError('not-found', `there is no batch ${id}; GET /api/v1/batches lists them`);
  return view;
}

function assertFits({ maxBatchPods }: ApiDeps, { maxPods, select }: BatchRequest): void {
  if (maxPods > maxBatchPods)
    throw new TriageError('batch-too-large', `maxPods is ${maxPods}, and a batch may have ${maxBatchPods} pods here (PODTRIAGE_BATCH_MAX_PODS)`);
  if ('targets' in select && select.targets.length > maxPods)
    throw new TriageError('batch-too-large', `${select.targets.length} targets are named, and the batch may have ${maxPods}`);
}

/** Who names a namespace must reach it. Who names none gets what he reaches of the cluster. */
function assertMayAsk(req: Request<object>, { cluster, select }: BatchRequest): void {
  const caller = req as Request;
  const { reach } = callerOf(caller);
  const where = 'where' in select ? select.where.namespace : undefined;
  const named = 'targets' in select ? select.targets.map(({ namespace }) => namespace) : where === undefined ? [] : [where];
  for (const namespace of new Set(named)) assertReach(caller, { cluster, namespace });
  if (reach !== 'all' && !reach.some((place) => place.cluster === cluster))
    throw new TriageError('forbidden', `the credential does not reach any namespace of cluster "${cluster}"`);
}

/** The batch, as soon as it differs from what the caller knows. One that is at an end is only waited for by who knows it as it is. Throws `not-found`. */
function awaitBatch(deps: ApiDeps, req: Request<{ batch: string }>, ms: number, signal: AbortSignal): Promise<BatchView> {
  const known = req.get('if-none-match');
  const { batch } = req.params;
  const subject: Changeable<BatchView> = {
    changed: (left, over) => deps.batches.changed(batch, left, over),
    look: () => requireBatch(deps, req, batch),
    tag: batchTag,
    isOver: ({ state }) => isBatchEnd(state) && known === undefined,
  };
  return awaitChange(subject, known, ms, signal);
}

function batchTag(view: BatchView): string {
  // The time that is expected moves by itself.
  return weakTag(JSON.stringify(view, (name, value: unknown) => (name === 'eta' ? undefined : value)));
}
