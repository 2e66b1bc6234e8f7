import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { SlackDesk } from '../../api/intake/slack.js';
import type { EndpointConfig } from '../../playbooks/delivery/endpoints.js';
import type { Intakes } from '../../playbooks/triggers/config.js';
import { Chats } from '../../store/chats.js';
import type { CustodyWriter } from '../../store/custody.js';
import type { Keys } from '../../store/keys.js';
import type { RedisRunReader } from '../../store/run-reader.js';
import type { RunCommander } from '../../store/run-view.js';
import type { SignedTexts } from '../../store/signed-text.js';
import { TriggerDesk } from '../../store/trigger-desk.js';
import { Triggers } from '../../store/triggers.js';
import type { ServiceConfig } from '../config.js';
import { readSlack } from '../intakes-config.js';

/** What the slash command shares with the rest of the API. */
export interface SlackSurroundings {
  /** The file of PODTRIAGE_INTAKES; absent where there is none. */
  readonly intakes: Intakes | undefined;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly texts: SignedTexts;
  readonly custody: CustodyWriter;
  readonly commander: RunCommander;
  readonly reader: RedisRunReader;
  /** By name. */
  readonly playbooks: { has(name: string): boolean };
  readonly endpoints: readonly Pick<EndpointConfig, 'name' | 'kind' | 'reach'>[];
  readonly log: Logger;
}

/**
 * The slash command, if the file of PODTRIAGE_INTAKES has it.
 * @throws TriageError `config-invalid` that names the field
 */
export async function openSlack(
  config: Pick<ServiceConfig, 'intakes' | 'cluster'>,
  { intakes, playbooks, endpoints, redis, keys, texts, custody, commander, reader, log }: SlackSurroundings,
): Promise<{ slack?: SlackDesk }> {
  const slack = await readSlack(config, intakes, { playbooks, endpoints });
  if (slack === undefined) return {};
  const triggers = new TriggerDesk({ triggers: new Triggers({ redis, keys }), commander, custody, reader });
  const chats = new Chats(redis, keys, texts);
  return { slack: new SlackDesk({ ...slack, clusters: [config.cluster.name], runs: reader, commander, triggers, chats, log }) };
}
