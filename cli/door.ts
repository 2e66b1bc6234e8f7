import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { createApi } from '../api/app.js';
import { playbookView } from '../api/playbook-view.js';
import { type RunningApi, startApi } from '../api/server.js';
import type { Playbook } from '../playbooks/playbook.js';
import { alertTo } from '../store/alert.js';
import { RedisBagSource } from '../store/bag/source.js';
import { ChainMemory } from '../store/chain-memory.js';
import { ChangeFeed } from '../store/change-feed.js';
import { CustodyWriter } from '../store/custody.js';
import type { OpenEvidence } from '../store/evidence/open.js';
import { RedisEvidenceActs } from '../store/evidence-acts.js';
import { RedisEvidenceLife } from '../store/evidence-life.js';
import { RedisRequestClaims } from '../store/idempotency.js';
import { defaultPrefix, keysOf } from '../store/keys.js';
import { packageVersion } from '../store/package-root.js';
import type { PublicKeys } from '../store/public-keys.js';
import { Queues } from '../store/queues.js';
import { connectRedis, redisEndpoint } from '../store/redis.js';
import { RedisLookupOffice } from '../store/redis-lookup-office.js';
import { RegisterWitness } from '../store/register-witness.js';
import { RedisRunCommander } from '../store/run-commander.js';
import { RedisRunReader } from '../store/run-reader.js';
import { SignedRuns } from '../store/signed-run.js';
import { SignedTexts } from '../store/signed-text.js';
import { openSigner } from '../store/signing-key.js';
import type { ServiceConfig } from './config.js';
import { openAccess } from './door/access.js';
import { openBatches } from './door/batches.js';
import { openDelivery } from './door/delivery.js';
import { openIntakes } from './door/intake.js';
import { openMetrics } from './door/metrics.js';
import { openSlack } from './door/slack.js';
import { readiness } from './readiness.js';
import { watchRegister } from './register-watch.js';

/** What ends the parts of a service, in the order in which they were started. */
export type Stops = (() => Promise<void> | void)[];

/** What the API shares with the other parts of a service. */
export interface DoorSurroundings {
  readonly redis: Redis;
  readonly evidence: OpenEvidence;
  /** Of Redis. */
  readonly address: string;
  readonly publicKeys: PublicKeys;
  readonly playbooks: ReadonlyMap<string, Playbook>;
  readonly log: Logger;
  /** The metrics of this process. */
  readonly registry: Registry;
}

/** The API: it reads and opens runs, and holds no credential of cluster, node or VirusTotal. */
export async function openDoor(
  config: ServiceConfig,
  { redis, evidence, address, log, playbooks, publicKeys, registry }: DoorSurroundings,
  stops: Stops,
): Promise<RunningApi> {
  const keys = keysOf(defaultPrefix);
  const signer = await openSigner(config.data.signingKeys, 'api', config.keys.given.api);
  const alert = alertTo(log);
  const texts = new SignedTexts(signer, publicKeys.find, alert);
  const memory = new ChainMemory();
  const witness = new RegisterWitness({ redis, keys, trusted: publicKeys.find, alert, memory, file: join(config.data.dir, 'register-api.json') });
  const feed = new ChangeFeed(connectRedis(redisEndpoint(address), (err) => log.warn({ err }, 'Redis connection of the API')));
  const queues = new Queues(redisEndpoint(address, 'fail'), defaultPrefix);
  stops.push(
    watchRegister(witness, alert, log),
    () => feed.close(),
    () => queues.close(),
  );
  const custody = new CustodyWriter(redis, keys, signer, 'api', undefined, memory);
  const runs = new RedisRunReader(redis, keys, feed);
  const signed = new SignedRuns(redis, keys, publicKeys.find, memory);
  const commander = new RedisRunCommander({ redis, keys, custody, queues, playbooks });
  const core = { redis, keys, queues, texts, custody, commander, reader: runs, address, log };
  const delivery = await openDelivery(config, core);
  const endpoints = new Set(delivery.endpoints.map(({ name }) => name));
  const intake = await openIntakes(config, { ...core, registry, playbooks: new Set(playbooks.keys()), endpoints }, stops);
  const slack = await openSlack(config, { ...core, playbooks, endpoints: delivery.endpoints, intakes: intake?.config });
  const batches = openBatches({ ...core, feed, deliveries: delivery.deliveries, alert });
  const app = createApi({
    runs,
    commander,
    ...delivery,
    batches: batches.office,
    maxBatchPods: config.batches.maxPods,
    ...(intake === undefined ? {} : { intake }),
    ...slack,
    claims: new RedisRequestClaims(redis, keys, texts),
    evidence: evidence.keeper,
    acts: new RedisEvidenceActs(custody, runs, signed),
    bags: new RedisBagSource(redis, keys),
    life: new RedisEvidenceLife({ ...core, signed, evidence: evidence.keeper, alert }),
    lookups: new RedisLookupOffice(redis, keys, queues, texts),
    ...(await openAccess(config, core)),
    playbooks: [...playbooks.values()].map(playbookView),
    clusters: [config.cluster.name],
    publicKeys: () => publicKeys.all(),
    ready: () => readiness({ redis, evidence, witness }),
    metrics: openMetrics(config, registry, redis, keys),
    log,
    version: packageVersion(),
  });
  const api = await startApi(app, config.api.host, config.api.port);
  await batches.dispatcher.start();
  stops.push(
    () => api.stop(),
    () => batches.dispatcher.stop(),
  );
  return api;
}
