import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { type Logger, pino } from 'pino';
import { createApi } from '../api/app.js';
import type { ReadinessCheck } from '../api/deps.js';
import { playbookView } from '../api/playbook-view.js';
import { type RunningApi, startApi } from '../api/server.js';
import { TriageError } from '../playbooks/domain/error.js';
import { alertTo } from '../store/alert.js';
import { ensureLocalKey, RedisApiKeys } from '../store/api-keys.js';
import { RedisBagSource } from '../store/bag/source.js';
import { ChangeFeed } from '../store/change-feed.js';
import { CustodyWriter } from '../store/custody.js';
import { startEmbeddedRedis } from '../store/embedded-redis.js';
import { type OpenEvidence, openEvidence } from '../store/evidence/open.js';
import { RedisEvidenceActs } from '../store/evidence-acts.js';
import { RedisEvidenceLife } from '../store/evidence-life.js';
import { defaultPrefix, keysOf } from '../store/keys.js';
import { packageVersion } from '../store/package-root.js';
import { PublicKeys } from '../store/public-keys.js';
import { Queues } from '../store/queues.js';
import { assertDurable, connectRedis, redisEndpoint } from '../store/redis.js';
import { RedisLookupOffice } from '../store/redis-lookup-office.js';
import { RegisterWitness } from '../store/register-witness.js';
import { RedisRunCommander } from '../store/run-commander.js';
import { RedisRunReader } from '../store/run-reader.js';
import { SignedTexts } from '../store/signed-text.js';
import { openSigner } from '../store/signing-key.js';
import { createWorkers, loadKnowledge } from '../workers/context.js';
import type { Service } from './commands/serve.js';
import type { ServiceConfig, ServiceRole } from './config.js';
import { watchRegister } from './register-watch.js';
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

type Stops = (() => Promise<void> | void)[];

async function start(config: ServiceConfig, only: ServiceRole | undefined, stops: Stops): Promise<{ url?: string }> {
  const log = pino({ level: config.log.level });
  const address = config.redis.url ?? (await ownRedis(config, only, log, stops));
  const redis = connectRedis(redisEndpoint(address, 'fail'), (err) => log.warn({ err }, 'Redis connection of the API'));
  stops.push(() => redis.disconnect());
  await assertDurable(redis);
  const evidence = await openEvidence(config.evidence);
  const publicKeys = new PublicKeys(config.data.signingKeys, config.keys.trusted);
  await publicKeys.all();
  const common = { redis, evidence, address, log, publicKeys, ...(await loadKnowledge()) };
  const api = only === 'workers' ? undefined : await openDoor(config, common, stops);
  if (only !== 'api') await startWorkers(config, common, stops);
  return api === undefined ? {} : { url: api.url };
}

async function startWorkers(config: ServiceConfig, { evidence, address, log, playbooks, rules, publicKeys }: Common, stops: Stops): Promise<void> {
  const around = {
    connection: redisEndpoint(address),
    prefix: defaultPrefix,
    evidence: evidence.keeper,
    signer: await openSigner(config.data.signingKeys, 'worker', config.keys.given.worker),
    trustedKeys: publicKeys.find,
    witness: join(config.data.dir, 'register-workers.json'),
    log,
    playbooks,
    rules,
  };
  const workers = await createWorkers(workerConfig(config), around);
  stops.push(() => workers.stop(workersStopMs));
  await workers.start();
  log.info({ cluster: config.cluster.name }, 'the workers are ready');
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

interface Common extends Awaited<ReturnType<typeof loadKnowledge>> {
  readonly redis: Redis;
  readonly evidence: OpenEvidence;
  readonly address: string;
  readonly publicKeys: PublicKeys;
  readonly log: Logger;
}

/** The API: it reads and opens runs, and holds no credential of cluster, node or VirusTotal. */
async function openDoor(config: ServiceConfig, { redis, evidence, address, log, playbooks, publicKeys }: Common, stops: Stops): Promise<RunningApi> {
  const keys = keysOf(defaultPrefix);
  const signer = await openSigner(config.data.signingKeys, 'api', config.keys.given.api);
  const alert = alertTo(log);
  const texts = new SignedTexts(signer, publicKeys.find, alert);
  const witness = new RegisterWitness({ redis, keys, trusted: publicKeys.find, alert, file: join(config.data.dir, 'register-api.json') });
  const apiKeys = new RedisApiKeys(redis, defaultPrefix, texts);
  await ensureLocalKey(apiKeys, config.data.apiKeyFile);
  const feed = new ChangeFeed(connectRedis(redisEndpoint(address), (err) => log.warn({ err }, 'Redis connection of the API')));
  const queues = new Queues(redisEndpoint(address, 'fail'), defaultPrefix);
  stops.push(
    watchRegister(witness, alert, log),
    () => feed.close(),
    () => queues.close(),
  );
  const custody = new CustodyWriter(redis, keys, signer, 'api');
  const runs = new RedisRunReader(redis, keys, feed);
  const app = createApi({
    runs,
    commander: new RedisRunCommander({ redis, keys, custody, queues, playbooks }),
    evidence: evidence.keeper,
    acts: new RedisEvidenceActs(custody, runs),
    bags: new RedisBagSource(redis, keys),
    life: new RedisEvidenceLife(redis, keys, custody, runs, evidence.keeper),
    lookups: new RedisLookupOffice(redis, keys, queues, texts),
    keys: apiKeys,
    playbooks: [...playbooks.values()].map(playbookView),
    clusters: [config.cluster.name],
    publicKeys: () => publicKeys.all(),
    ready: () => readiness(redis, evidence),
    log,
    version: packageVersion(),
  });
  const api = await startApi(app, config.api.host, config.api.port);
  stops.push(() => api.stop());
  return api;
}

async function readiness(redis: Redis, evidence: OpenEvidence): Promise<readonly ReadinessCheck[]> {
  const check = async (name: string, act: () => Promise<unknown>): Promise<ReadinessCheck> => {
    try {
      await act();
      return { name, ok: true };
    } catch (error) {
      return { name, ok: false, found: error instanceof Error ? error.message : String(error) };
    }
  };
  return Promise.all([check('redis', () => redis.ping()), check('evidence', () => evidence.ready())]);
}
