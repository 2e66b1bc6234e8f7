import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Webhook } from 'standardwebhooks';
import { takeResolved } from '../../api/dispatch/resolved.js';
import { IntakeDesk } from '../../api/intake/desk.js';
import type { IntakeDeps } from '../../api/intake/intake-deps.js';
import { alertCounter } from '../../api/metrics.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { webhookSecrets } from '../../playbooks/domain/webhook-secret.js';
import { type Intakes, parseIntakes } from '../../playbooks/triggers/config.js';
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
import { checkSecretFile, type ServiceConfig } from '../config.js';

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
  const file = service.intakes.file;
  if (file === undefined) return undefined;
  const config = await readIntakes(file);
  const { redis, keys, queues, texts, commander, custody, reader, log, registry } = around;
  const clusters = [service.cluster.name];
  checkNames(file, config, around, clusters);
  const secrets = await readSecrets(file, config);
  const triggers = new Triggers({ redis, keys });
  const containers = new ContainerAlerts(redis, keys, queues, texts);
  const desk = new IntakeDesk({
    rules: config.rules,
    clusters,
    triggers: new TriggerDesk({ triggers, commander, custody, reader }),
    containers,
    log,
    storeTimeoutMs,
    counted: alertCounter(registry),
  });
  stops.push(takeResolved({ connection: redisEndpoint(around.address), prefix: keys.prefix, containers, desk, triggers, log }));
  return { config, desk, secrets, left: () => triggers.left() };
}

async function readIntakes(file: string): Promise<Intakes> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new TriageError('config-invalid', `PODTRIAGE_INTAKES: cannot read ${file}`, { cause });
  }
  return parseIntakes(file, text);
}

function checkNames(file: string, config: Intakes, { playbooks, endpoints }: IntakeSurroundings, clusters: readonly string[]): void {
  const problems = config.rules.flatMap(({ name, playbook, notify = [], clusters: wanted = [] }) => [
    ...(playbooks.has(playbook) ? [] : [`rule "${name}" playbook: there is no playbook "${playbook}"; known: ${[...playbooks].join(', ')}`]),
    ...notify.filter((each) => !endpoints.has(each)).map((each) => `rule "${name}" notify: there is no endpoint "${each}"; see PODTRIAGE_ENDPOINTS`),
    ...wanted.filter((each) => !clusters.includes(each)).map((each) => `rule "${name}" clusters: no worker serves a cluster "${each}"`),
  ]);
  if (problems.length > 0) throw new TriageError('config-invalid', `PODTRIAGE_INTAKES: ${file}: ${problems.join('; ')}`);
}

async function readSecrets(file: string, { generic }: Intakes): Promise<ReadonlyMap<string, readonly Webhook[]>> {
  const secrets = new Map<string, readonly Webhook[]>();
  for (const { name, secretFile: path } of generic) {
    const secretFile = resolve(dirname(file), path);
    const where = `PODTRIAGE_INTAKES: ${file}: generic "${name}" secretFile`;
    await checkSecretFile(secretFile, where);
    const lines = webhookSecrets(await readFile(secretFile, 'utf8'), where);
    if (lines.length === 0) throw new TriageError('config-invalid', `${where}: ${secretFile} has no secret`);
    secrets.set(
      name,
      lines.map((line) => new Webhook(line)),
    );
  }
  return secrets;
}
