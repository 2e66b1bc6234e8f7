import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { SlackDesk } from '../../api/intake/slack.js';
import type { EndpointConfig } from '../../playbooks/delivery/endpoints.js';
import { parseSigningSecret } from '../../playbooks/delivery/slack-secret.js';
import { type Reach, reaches } from '../../playbooks/domain/access.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { Intakes } from '../../playbooks/triggers/config.js';
import { Chats } from '../../store/chats.js';
import type { CustodyWriter } from '../../store/custody.js';
import type { Keys } from '../../store/keys.js';
import type { RedisRunReader } from '../../store/run-reader.js';
import type { RunCommander } from '../../store/run-view.js';
import type { SignedTexts } from '../../store/signed-text.js';
import { TriggerDesk } from '../../store/trigger-desk.js';
import { Triggers } from '../../store/triggers.js';
import { checkSecretFile, type ServiceConfig } from '../config.js';

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
 * The slash command, if the file of PODTRIAGE_INTAKES has it. Its secret's file is named from the folder of that file on.
 * @throws TriageError `config-invalid` that names the field
 */
export async function openSlack(
  { intakes: { file = '' }, cluster }: Pick<ServiceConfig, 'intakes' | 'cluster'>,
  { intakes, playbooks, endpoints, redis, keys, texts, custody, commander, reader, log }: SlackSurroundings,
): Promise<{ slack?: SlackDesk }> {
  const config = intakes?.slack;
  if (config === undefined) return {};
  const where = `PODTRIAGE_INTAKES: ${file}: slack`;
  const own = config.cluster ?? intakes?.cluster ?? cluster.name;
  const problem = (what: string): TriageError => new TriageError('config-invalid', `${where} ${what}`);
  if (!playbooks.has(config.playbook)) throw problem(`playbook: there is no playbook "${config.playbook}"`);
  if (own !== cluster.name) throw problem(`cluster: no worker serves a cluster "${own}"`);
  const { notifyEndpoint: name } = config;
  if (name !== undefined) {
    const endpoint = endpoints.find((each) => each.name === name && each.kind === 'slack');
    if (endpoint === undefined) throw problem(`notifyEndpoint: there is no endpoint "${name}" of kind slack; see PODTRIAGE_ENDPOINTS`);
    if (!isWithin(config.reach, endpoint.reach)) throw problem(`notifyEndpoint: endpoint "${name}" may not hear of all that reach has`);
  }
  const secretFile = resolve(dirname(file), config.signingSecretFile);
  await checkSecretFile(secretFile, `${where} signingSecretFile`);
  const secret = parseSigningSecret(await readFile(secretFile, 'utf8'), `${where} signingSecretFile: ${secretFile}`);
  const triggers = new TriggerDesk({ triggers: new Triggers({ redis, keys }), commander, custody, reader });
  const chats = new Chats(redis, keys, texts);
  return { slack: new SlackDesk({ config, secret, cluster: own, clusters: [cluster.name], runs: reader, commander, triggers, chats, log }) };
}

function isWithin(inner: Reach, outer: Reach): boolean {
  return outer === 'all' || (inner !== 'all' && inner.every((place) => reaches(outer, place)));
}
