import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { IntakeDesk } from '../../../api/intake/desk.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { alertSchema } from '../../../playbooks/domain/trigger.js';
import { type Intakes, parseIntakes } from '../../../playbooks/triggers/config.js';
import { isPodAlert, type PodAlert } from '../../../playbooks/triggers/match.js';
import { ContainerAlerts } from '../../../store/container-alerts.js';
import { CustodyWriter } from '../../../store/custody.js';
import { keyRing } from '../../../store/public-keys.js';
import { connectRedis } from '../../../store/redis.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import type { RunCommander } from '../../../store/run-view.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { TriggerDesk } from '../../../store/trigger-desk.js';
import { Triggers } from '../../../store/triggers.js';
import type { Engine } from '../engine/engine.js';
import { syntheticPlaybooks } from '../engine/synthetic.js';

export const everything = parseIntakes('test.yaml', 'rules: [{ name: everything, playbook: brief }]');

/** The part of one API process that takes alerts. `clock` is in ms. */
export function apiProcess(engine: Engine, config: Intakes = everything, clock: () => number = Date.now) {
  const redis = connectRedis(engine.server.endpoint);
  const { keys, queues } = engine;
  const now = (): Date => new Date(clock());
  const custody = new CustodyWriter(redis, keys, engine.signer, 'api');
  const commander: RunCommander = new RedisRunCommander({ redis, keys, custody, queues, playbooks: syntheticPlaybooks, clock: now });
  const reader = new RedisRunReader(redis, keys);
  const triggers = new Triggers({ redis, keys, clock: now });
  const containers = new ContainerAlerts(redis, keys, queues, new SignedTexts(engine.signer, keyRing(engine.folder), () => undefined));
  const desk = new IntakeDesk({
    rules: config.rules,
    clusters: ['default'],
    triggers: new TriggerDesk({ triggers, commander, custody, reader }),
    containers,
    log: pino({ level: 'silent' }),
    storeTimeoutMs: 60_000,
  });
  return { redis, custody, commander, reader, triggers, containers, desk, close: (): void => redis.disconnect() };
}

/** An alert about a pod; each call is another one. */
export function alertAbout(
  pod: string,
  more: { rule?: string; fingerprint?: string; uid?: string; namespace?: string; container?: string } = {},
): PodAlert {
  const { rule = 'Terminal shell in container', fingerprint = randomUUID(), uid, namespace = 'shop', container } = more;
  const alert = alertSchema.parse({
    intake: 'falco',
    fingerprint: sha256Hex(fingerprint),
    rule,
    priority: 'warning',
    at: new Date().toISOString(),
    suspect: {
      target: { cluster: 'default', namespace, pod, ...(container === undefined ? {} : { container }) },
      ...(uid === undefined ? {} : { uid }),
    },
  });
  if (!isPodAlert(alert)) throw new Error('it is about a pod');
  return alert;
}
