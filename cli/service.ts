import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { type Logger, pino } from 'pino';
import { createApi } from '../api/app.js';
import type { ReadinessCheck } from '../api/deps.js';
import { playbookView } from '../api/playbook-view.js';
import { type RunningApi, startApi } from '../api/server.js';
import type { EvidencePort } from '../playbooks/ports.js';
import { ensureLocalKey, redisApiKeys } from '../store/api-keys.js';
import { ChangeFeed } from '../store/change-feed.js';
import { CustodyWriter } from '../store/custody.js';
import { startEmbeddedRedis } from '../store/embedded-redis.js';
import { createDiskEvidence } from '../store/evidence/disk.js';
import { RedisEvidenceActs } from '../store/evidence-acts.js';
import { defaultPrefix, keysOf } from '../store/keys.js';
import { packageVersion } from '../store/package-root.js';
import { Queues } from '../store/queues.js';
import { assertDurable, connectRedis, redisEndpoint } from '../store/redis.js';
import { RedisLookupOffice } from '../store/redis-lookup-office.js';
import { RedisRunCommander } from '../store/run-commander.js';
import { RedisRunReader } from '../store/run-reader.js';
import { loadOrCreateSigner, readPublicKeys } from '../store/signing-key.js';
import { createWorkers, loadKnowledge } from '../workers/context.js';
import type { Service } from './commands/serve.js';
import type { ServiceConfig } from './config.js';
import { workerConfig } from './worker-config.js';

export { loadKnowledge } from '../workers/context.js';
export { serviceChecks } from './service-checks.js';

/** How long steps get to hand themselves back, in milliseconds. */
const workersStopMs = 20_000;

/** Composes API, workers and, without REDIS_URL, a Redis of its own. What was started is stopped in reverse order. */
export function createService(config: ServiceConfig): Promise<Service> {
  const stops: Stops = [];
  return Promise.resolve({
    start: () => start(config, stops),
    async stop() {
      for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
    },
  });
}

type Stops = (() => Promise<void> | void)[];

async function start(config: ServiceConfig, stops: Stops): Promise<{ url: string }> {
  const log = pino({ level: config.log.level });
  const address = config.redis.url ?? (await ownRedis(config, log, stops));
  const redis = connectRedis(redisEndpoint(address, 'fail'), (err) => log.warn({ err }, 'Redis connection of the API'));
  stops.push(() => redis.disconnect());
  await assertDurable(redis);
  const evidence = await createDiskEvidence(config.data.evidence);
  const knowledge = await loadKnowledge();
  const api = await openDoor(config, { redis, evidence, address, log, ...knowledge }, stops);
  const around = { connection: redisEndpoint(address), prefix: defaultPrefix, evidence, keys: config.data.signingKeys, log, ...knowledge };
  const workers = await createWorkers(workerConfig(config), around);
  stops.push(() => workers.stop(workersStopMs));
  await workers.start();
  return { url: api.url };
}

async function ownRedis(config: ServiceConfig, log: Logger, stops: Stops): Promise<string> {
  const redis = await startEmbeddedRedis({
    dataDir: config.data.dir,
    onRestart: (message) => log.warn({ message }, 'the embedded Redis had gone and was started again'),
  });
  stops.push(() => redis.stop());
  return redis.address;
}

interface Door extends Awaited<ReturnType<typeof loadKnowledge>> {
  readonly redis: Redis;
  readonly evidence: EvidencePort;
  readonly address: string;
  readonly log: Logger;
}

/** The API: it reads and opens runs, and holds no credential of cluster, node or VirusTotal. */
async function openDoor(config: ServiceConfig, { redis, evidence, address, log, playbooks }: Door, stops: Stops): Promise<RunningApi> {
  const keys = keysOf(defaultPrefix);
  const signer = await loadOrCreateSigner(join(config.data.signingKeys, 'api.pem'));
  await loadOrCreateSigner(join(config.data.signingKeys, 'worker.pem'));
  await ensureLocalKey(redis, defaultPrefix, config.data.apiKeyFile);
  const feed = new ChangeFeed(connectRedis(redisEndpoint(address), (err) => log.warn({ err }, 'Redis connection of the API')));
  const queues = new Queues(redisEndpoint(address, 'fail'), defaultPrefix);
  stops.push(
    () => feed.close(),
    () => queues.close(),
  );
  const custody = new CustodyWriter(redis, keys, signer, 'api');
  const runs = new RedisRunReader(redis, keys, feed);
  const app = createApi({
    runs,
    commander: new RedisRunCommander({ redis, keys, custody, queues, playbooks }),
    evidence,
    acts: new RedisEvidenceActs(custody, runs),
    lookups: new RedisLookupOffice(redis, keys, queues),
    keys: redisApiKeys(redis, defaultPrefix),
    playbooks: [...playbooks.values()].map(playbookView),
    clusters: [config.cluster.name],
    publicKeys: await readPublicKeys(config.data.signingKeys),
    ready: () => readiness(redis, config.data.evidence),
    log,
    version: packageVersion(),
  });
  const api = await startApi(app, config.api.host, config.api.port);
  stops.push(() => api.stop());
  return api;
}

async function readiness(redis: Redis, evidence: string): Promise<readonly ReadinessCheck[]> {
  const check = async (name: string, act: () => Promise<unknown>): Promise<ReadinessCheck> => {
    try {
      await act();
      return { name, ok: true };
    } catch (error) {
      return { name, ok: false, found: error instanceof Error ? error.message : String(error) };
    }
  };
  return Promise.all([check('redis', () => redis.ping()), check('evidence', () => access(evidence, constants.W_OK))]);
}
