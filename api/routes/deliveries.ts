import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { deliveryStates } from '../../store/delivery-record.js';
import { actorOf, callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { requireRun } from '../require-run.js';

const querySchema = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.string().optional(),
  state: z.enum(deliveryStates).optional(),
  run: z.string().optional(),
});

/** `/deliveries` and `/runs/{run}/deliveries`: what was told to whom, and what could not be. */
export function deliveryRoutes({ deliveries, runs }: Pick<ApiDeps, 'deliveries' | 'runs'>): Router {
  const router = Router();
  const send = async (req: Request, res: Response, about: string | undefined): Promise<void> => {
    const { limit, cursor, state } = querySchema.parse(req.query);
    const { reach } = callerOf(req);
    const page = await deliveries.list({
      reach,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      ...(state === undefined ? {} : { state }),
      ...(about === undefined ? {} : { about }),
    });
    res.json(page);
  };
  router.get('/api/v1/deliveries', (req, res) => send(req, res, querySchema.parse(req.query).run));
  router.get('/api/v1/runs/:run/deliveries', async (req, res) => {
    const { id } = await requireRun(runs, req);
    await send(req, res, id);
  });
  router.post('/api/v1/deliveries/:delivery/resend', async (req, res) => {
    res.status(202).json(await deliveries.resend(req.params.delivery, actorOf(req), callerOf(req).reach));
  });
  return router;
}
