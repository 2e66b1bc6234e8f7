import { join } from 'node:path';
import type { Logger } from 'pino';
import { TriageError } from '../playbooks/domain/error.js';
import { startEmbeddedRedis } from '../store/embedded-redis.js';
import { openEvidence } from '../store/evidence/open.js';
import { defaultPrefix } from '../store/keys.js';
import { PublicKeys } from '../store/public-keys.js';
import { assertDurable, connectRedis, redisEndpoint } from '../store/redis.js';
import { openSigner } from '../store/signing-key.js';
import { giveWay } from '../workers/background.js';
import { createWorkers, loadKnowledge } from '../workers/context.js';
import { startMetricsServer } from '../workers/metrics-server.js';
import type { Runner } from '../workers/runner/create-runner.js';
import type { Service } from './commands/serve.js';
import type { ServiceConfig, ServiceRole } from './config.js';
import { type DoorSurroundings, openDoor, type Stops } from './door.js';
import { workerEndpoints } from './endpoints-config.js';
import { serviceLog } from './log.js';
import { processMetrics } from './process-metrics.js';
import { assertClock } from './startup-checks.js';
import { workerConfig } from './worker-config.js';

export { loadKnowledge } from '../workers/context.js';
export { serviceChecks } from './service-checks.js';

/** How long steps get to hand themselves back, in milliseconds. */
const workersStopMs = 20_000;

/**
 * Composes API, workers and, without REDIS_URL, a Redis of its own. What was started is stopped in reverse order.
 * @param only this part: the other one is another process, and Redis stands by itself
 */
export function createService(config: ServiceConfig, only?: ServiceRole): Promise<Service> {
  const stops: Stops = [];
  return Promise.resolve({
    start: () => start(config, only, stops),
    async stop() {
      for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
    },
  });
}

async function start(config: ServiceConfig, only: ServiceRole | undefined, stops: Stops): Promise<{ url?: string }> {
  const log = serviceLog(config.log.level);
  if (only === 'workers') giveWay(log);
  const address = config.redis.url ?? (await ownRedis(config, only, log, stops));
  const redis = connectRedis(redisEndpoint(address, 'fail'), (err) => log.warn({ err }, 'Redis connection of the API'));
  stops.push(() => redis.disconnect());
  await assertDurable(redis);
  await assertClock(redis, log);
  const evidence = await openEvidence(config.evidence);
  const publicKeys = new PublicKeys(config.data.signingKeys, config.keys.trusted);
  await publicKeys.all();
  const common = { redis, evidence, address, log, publicKeys, registry: processMetrics(), ...(await loadKnowledge()) };
  const api = only === 'workers' ? undefined : await openDoor(config, common, stops);
  if (only !== 'api') await startWorkers(config, common, stops);
  return api === undefined ? {} : { url: api.url };
}

async function startWorkers(
  config: ServiceConfig,
  { evidence, address, log, playbooks, rules, publicKeys, registry }: Common,
  stops: Stops,
): Promise<void> {
  const around = {
    connection: redisEndpoint(address),
    prefix: defaultPrefix,
    evidence: evidence.keeper,
    signer: await openSigner(config.data.signingKeys, 'worker', config.keys.given.worker),
    trustedKeys: publicKeys.find,
    witness: join(config.data.dir, 'register-workers.json'),
    log,
    registry,
    playbooks,
    rules,
  };
  const workers = await createWorkers({ ...workerConfig(config), ...(await workerEndpoints(config)) }, around);
  stops.push(() => workers.stop(workersStopMs));
  await workers.start();
  await showWorkers(config, { workers, registry, log }, stops);
  log.info({ cluster: config.cluster.name }, 'the workers are ready');
}

async function showWorkers(
  config: ServiceConfig,
  { workers, registry, log }: Pick<Common, 'registry' | 'log'> & { workers: Runner },
  stops: Stops,
): Promise<void> {
  const { host, port } = config.worker.view;
  if (port === undefined) return;
  const view = await startMetricsServer({ registry, ready: () => workers.ready() }, host, port);
  stops.push(() => view.stop());
  log.info({ host, port: view.port }, 'the workers tell of their health and metrics');
}

async function ownRedis(config: ServiceConfig, only: ServiceRole | undefined, log: Logger, stops: Stops): Promise<string> {
  if (only !== undefined) throw new TriageError('config-invalid', `serve --only ${only} needs a Redis that API and workers share: set REDIS_URL`);
  const redis = await startEmbeddedRedis({
    dataDir: config.data.dir,
    onRestart: (message) => log.warn({ message }, 'the embedded Redis had gone and was started again'),
  });
  stops.push(() => redis.stop());
  return redis.address;
}

type Common = DoorSurroundings & Awaited<ReturnType<typeof loadKnowledge>>;
