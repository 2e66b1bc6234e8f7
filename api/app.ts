import express, { type Express } from 'express';
import helmet from 'helmet';
import { authenticate, authorise } from './auth.js';
import {
  boundedActs,
  boundedBatches,
  boundedClaims,
  boundedCommander,
  boundedDeliveries,
  boundedKeys,
  boundedLife,
  boundedOffice,
  boundedReader,
} from './bounded.js';
import { boundedAccess } from './bounded-access.js';
import { openContract } from './contract.js';
import type { ApiDeps } from './deps.js';
import { answerError, notFound } from './error.js';
import { keepRaw } from './intake/signed-body.js';
import { logRequests } from './log.js';
import { limitRequests } from './rate-limit.js';
import { apiKeyRoutes } from './routes/api-keys.js';
import { artifactContentRoutes } from './routes/artifact-content.js';
import { artifactRoutes } from './routes/artifacts.js';
import { bagRoutes } from './routes/bag.js';
import { batchRoutes } from './routes/batches.js';
import { batchReportRoutes } from './routes/batches-report.js';
import { changeRoutes } from './routes/changes.js';
import { custodyRoutes } from './routes/custody.js';
import { deliveryRoutes } from './routes/deliveries.js';
import { docsRoutes } from './routes/docs.js';
import { endpointRoutes } from './routes/endpoints.js';
import { eventRoutes } from './routes/events.js';
import { evidenceRoutes } from './routes/evidence.js';
import { healthRoutes } from './routes/health.js';
import { intakeRoutes } from './routes/intake.js';
import { keyRoutes } from './routes/keys.js';
import { deskRoutes } from './routes/lookup.js';
import { lookupRoutes } from './routes/lookups.js';
import { metricsRoutes } from './routes/metrics.js';
import { playbookRoutes } from './routes/playbooks.js';
import { processRoutes } from './routes/processes.js';
import { quotaRoutes } from './routes/quota.js';
import { reportRoutes } from './routes/report.js';
import { reportSchemaRoutes } from './routes/report-schema.js';
import { runRoutes } from './routes/runs.js';
import { slackRoutes } from './routes/slack.js';
import { stepRoutes } from './routes/steps.js';
import { summaryRoutes } from './routes/summary.js';
import { wellFormed } from './well-formed.js';

/** The largest body that is read, in bytes. */
const bodyLimit = 64 * 1024;

/** The same of alerts that come in groups, from who has a key. */
const alertsLimit = 1024 * 1024;
/** The same of a batch that names its pods one by one. */
const batchLimit = 2 * 1024 * 1024;

const alertPaths = ['/api/v1/intake/falco', '/api/v1/intake/alertmanager'];

const resources = [
  healthRoutes,
  docsRoutes,
  metricsRoutes,
  keyRoutes,
  apiKeyRoutes,
  playbookRoutes,
  runRoutes,
  eventRoutes,
  stepRoutes,
  changeRoutes,
  processRoutes,
  artifactRoutes,
  artifactContentRoutes,
  bagRoutes,
  batchRoutes,
  batchReportRoutes,
  evidenceRoutes,
  lookupRoutes,
  custodyRoutes,
  reportRoutes,
  reportSchemaRoutes,
  summaryRoutes,
  quotaRoutes,
  deskRoutes,
  endpointRoutes,
  deliveryRoutes,
  intakeRoutes,
  slackRoutes,
];

/** Makes the HTTP door. It listens nowhere yet: see `startApi`. The event `closing` on it ends all long polls. */
export function createApi(deps: ApiDeps): Express {
  const ms = deps.storeTimeoutMs ?? 5_000;
  const bounded: ApiDeps = {
    ...deps,
    runs: boundedReader(deps.runs, ms),
    commander: boundedCommander(deps.commander, ms),
    claims: boundedClaims(deps.claims, ms),
    keys: boundedKeys(deps.keys, ms),
    access: boundedAccess(deps.access, ms),
    acts: boundedActs(deps.acts, ms),
    life: boundedLife(deps.life, ms),
    lookups: boundedOffice(deps.lookups, ms),
    batches: boundedBatches(deps.batches, ms),
    deliveries: boundedDeliveries(deps.deliveries, ms),
  };
  const contract = openContract(deps.answers ?? 'report', deps.log);
  const app = express();
  // Each long poll and each stream listens for `closing`.
  app.setMaxListeners(0);
  app.disable('x-powered-by');
  app.disable('etag');
  // So the contract finds operations. What it does not find is not served, though routes would take more.
  app.enable('case sensitive routing');
  app.set('trust proxy', deps.access.proxies);
  app.use(logRequests(deps.log), helmet());
  app.use((_req, res, next) => {
    res.set('Cache-Control', 'private, no-cache');
    next();
  });
  if (deps.metrics.open) app.use(metricsRoutes(deps));
  // Before the body is read: who has no key cannot make us read one.
  app.use(...contract.find, authenticate({ keys: bounded.keys, ...bounded.access }));
  if (bounded.access.limit !== undefined) app.use(limitRequests(bounded.access.limit));
  app.use(authorise);
  app.use(alertPaths, express.json({ reviver: wellFormed, limit: alertsLimit }));
  app.use('/api/v1/batches', express.json({ reviver: wellFormed, limit: batchLimit }));
  app.use(express.json({ reviver: wellFormed, limit: bodyLimit, verify: keepRaw }));
  app.post('/api/v1/intake/slack', express.urlencoded({ extended: false, limit: bodyLimit, verify: keepRaw }));
  app.use(...contract.hold);
  for (const routes of resources) app.use(routes(bounded));
  app.use(notFound, answerError);
  return app;
}
