import { Router } from 'express';
import { within } from '../../store/of-redis.js';
import { contractFile } from '../contract.js';
import type { ApiDeps, ReadinessCheck } from '../deps.js';

const readyWithinMs = 5_000;

/** `/healthz`, `/readyz` and `/openapi.yaml`: what monitors and tools ask for, without a key. */
export function healthRoutes({ ready, version, log }: Pick<ApiDeps, 'ready' | 'version' | 'log'>): Router {
  const router = Router();
  const contract = contractFile();
  router.get('/healthz', (_req, res) => {
    res.json({ status: 'ok', version });
  });
  router.get('/readyz', async (_req, res) => {
    const checks = await run(ready);
    const failed = checks.filter((check) => !check.ok);
    if (failed.length > 0) log.warn({ failed }, 'not ready');
    res.status(failed.length === 0 ? 200 : 503).json({
      status: failed.length === 0 ? 'ready' : 'not-ready',
      checks: checks.map(({ name, ok }) => ({ name, ok })),
    });
  });
  router.get('/openapi.yaml', (_req, res) => {
    res.type('application/yaml').sendFile(contract);
  });
  return router;
}

async function run(ready: ApiDeps['ready']): Promise<readonly ReadinessCheck[]> {
  try {
    return await within(readyWithinMs, ready());
  } catch (error) {
    return [{ name: 'checks', ok: false, found: String(error) }];
  }
}
