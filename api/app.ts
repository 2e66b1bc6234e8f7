import express, { type Express } from 'express';
import helmet from 'helmet';
import { authenticate } from './auth.js';
import { boundedActs, boundedCommander, boundedKeys, boundedLife, boundedOffice, boundedReader } from './bounded.js';
import { holdToContract } from './contract.js';
import type { ApiDeps } from './deps.js';
import { answerError, notFound } from './error.js';
import { logRequests } from './log.js';
import { artifactContentRoutes } from './routes/artifact-content.js';
import { artifactRoutes } from './routes/artifacts.js';
import { bagRoutes } from './routes/bag.js';
import { changeRoutes } from './routes/changes.js';
import { custodyRoutes } from './routes/custody.js';
import { evidenceRoutes } from './routes/evidence.js';
import { healthRoutes } from './routes/health.js';
import { keyRoutes } from './routes/keys.js';
import { deskRoutes } from './routes/lookup.js';
import { lookupRoutes } from './routes/lookups.js';
import { playbookRoutes } from './routes/playbooks.js';
import { processRoutes } from './routes/processes.js';
import { quotaRoutes } from './routes/quota.js';
import { reportRoutes } from './routes/report.js';
import { reportSchemaRoutes } from './routes/report-schema.js';
import { runRoutes } from './routes/runs.js';
import { stepRoutes } from './routes/steps.js';
import { summaryRoutes } from './routes/summary.js';

/** The largest body that is read, in bytes. */
const bodyLimit = 64 * 1024;

const resources = [
  healthRoutes,
  keyRoutes,
  playbookRoutes,
  runRoutes,
  stepRoutes,
  changeRoutes,
  processRoutes,
  artifactRoutes,
  artifactContentRoutes,
  bagRoutes,
  evidenceRoutes,
  lookupRoutes,
  custodyRoutes,
  reportRoutes,
  reportSchemaRoutes,
  summaryRoutes,
  quotaRoutes,
  deskRoutes,
];

/** Makes the HTTP door. It listens nowhere yet: see `startApi`. The event `closing` on it ends all long polls. */
export function createApi(deps: ApiDeps): Express {
  const ms = deps.storeTimeoutMs ?? 5_000;
  const bounded: ApiDeps = {
    ...deps,
    runs: boundedReader(deps.runs, ms),
    commander: boundedCommander(deps.commander, ms),
    keys: boundedKeys(deps.keys, ms),
    acts: boundedActs(deps.acts, ms),
    life: boundedLife(deps.life, ms),
    lookups: boundedOffice(deps.lookups, ms),
  };
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(logRequests(deps.log), helmet());
  app.use((_req, res, next) => {
    res.set('Cache-Control', 'private, no-cache');
    next();
  });
  // Before the body is read: who has no key cannot make us read one.
  app.use(authenticate(bounded.keys));
  app.use(express.json({ limit: bodyLimit }));
  app.use(...holdToContract(deps.answers ?? 'report', deps.log));
  for (const routes of resources) app.use(routes(bounded));
  app.use(notFound, answerError);
  return app;
}
