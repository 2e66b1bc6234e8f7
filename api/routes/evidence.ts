import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { displayText } from '../../playbooks/domain/path-name.js';
import { actorOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { requireRun } from '../require-run.js';
import { runBody } from '../run-body.js';

const bodySchema = z.strictObject({ reason: z.string().trim().min(1).max(2_000) });

/** `/runs/{run}/hold` and `/runs/{run}/evidence`: what becomes of a run's evidence. */
export function evidenceRoutes({ runs, life }: Pick<ApiDeps, 'runs' | 'life'>): Router {
  const does =
    (status: number, act: (run: string, by: string, reason: string) => Promise<void>) =>
    async (req: Request<{ run: string }>, res: Response): Promise<void> => {
      const by = actorOf(req);
      const reason = displayText(bodySchema.parse(req.body).reason);
      await act((await requireRun(runs, req)).id, by, reason);
      res.status(status).json(runBody(await requireRun(runs, req)));
    };
  return Router()
    .post(
      '/api/v1/runs/:run/hold',
      does(200, (run, by, reason) => life.hold(run, by, reason)),
    )
    .delete(
      '/api/v1/runs/:run/hold',
      does(200, (run, by, reason) => life.release(run, by, reason)),
    )
    .delete(
      '/api/v1/runs/:run/evidence',
      does(202, (run, by, reason) => life.destroy(run, by, reason)),
    );
}
