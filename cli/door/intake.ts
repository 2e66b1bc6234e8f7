import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { takeResolved } from '../../api/dispatch/resolved.js';
import { IntakeDesk } from '../../api/intake/desk.js';
import type { IntakeDeps } from '../../api/intake/intake-deps.js';
import { alertCounter } from '../../api/metrics.js';
import { ContainerAlerts } from '../../store/container-alerts.js';
import type { CustodyWriter } from '../../store/custody.js';
import type { Keys } from '../../store/keys.js';
import type { Queues } from '../../store/queues.js';
import { redisEndpoint } from '../../store/redis.js';
import type { RedisRunReader } from '../../store/run-reader.js';
import type { RunCommander } from '../../store/run-view.js';
import type { SignedTexts } from '../../store/signed-text.js';
import { TriggerDesk } from '../../store/trigger-desk.js';
import { Triggers } from '../../store/triggers.js';
import type { ServiceConfig } from '../config.js';
import { readIntakes } from '../intakes-config.js';

/** How long the store may take over one alert, in milliseconds. */
const storeTimeoutMs = 10_000;

/** What intakes share with the rest of the API. */
export interface IntakeSurroundings {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly queues: Queues;
  readonly texts: SignedTexts;
  readonly custody: CustodyWriter;
  readonly commander: RunCommander;
  readonly reader: RedisRunReader;
  readonly playbooks: ReadonlySet<string>;
  /** Names of the endpoints that results can go to. */
  readonly endpoints: ReadonlySet<string>;
  /** Of Redis. */
  readonly address: string;
  readonly log: Logger;
  readonly registry: Registry;
}

/**
 * The intakes, if PODTRIAGE_INTAKES is set.
 * @param stops gets what ends them
 * @throws TriageError `config-invalid` for a file that is not right, or names what there is not
 */
export async function openIntakes(
  service: Pick<ServiceConfig, 'intakes' | 'cluster'>,
  around: IntakeSurroundings,
  stops: (() => Promise<void> | void)[],
): Promise<IntakeDeps | undefined> {
  const intakes = await readIntakes(service, around);
  if (intakes === undefined) return undefined;
  const { redis, keys, queues, texts, commander, custody, reader, log, registry } = around;
  const triggers = new Triggers({ redis, keys });
  const containers = new ContainerAlerts(redis, keys, queues, texts);
  const desk = new IntakeDesk({
    rules: intakes.config.rules,
    clusters: [service.cluster.name],
    triggers: new TriggerDesk({ triggers, commander, custody, reader }),
    containers,
    log,
    storeTimeoutMs,
    counted: alertCounter(registry),
  });
  stops.push(takeResolved({ connection: redisEndpoint(around.address), prefix: keys.prefix, containers, desk, triggers, log }));
  return { ...intakes, desk, left: () => triggers.left() };
}
