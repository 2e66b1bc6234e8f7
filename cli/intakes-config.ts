import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Webhook } from 'standardwebhooks';
import type { EndpointConfig } from '../playbooks/delivery/endpoints.js';
import { parseSigningSecret } from '../playbooks/delivery/slack-secret.js';
import { type Reach, reaches } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';
import { webhookSecrets } from '../playbooks/domain/webhook-secret.js';
import { type Intakes, parseIntakes } from '../playbooks/triggers/config.js';
import type { SlackIntakeConfig } from '../playbooks/triggers/slack-config.js';
import { checkSecretFile, type ServiceConfig } from './config.js';

/** The file of PODTRIAGE_INTAKES, and the secrets of its generic sources by their names. */
export interface ReadIntakes {
  readonly config: Intakes;
  readonly secrets: ReadonlyMap<string, readonly Webhook[]>;
}

/** What that file says of the slash command, with its secret and the cluster that it is for. */
export interface ReadSlack {
  readonly config: SlackIntakeConfig;
  readonly cluster: string;
  readonly secret: string;
}

type Places = Pick<ServiceConfig, 'intakes' | 'cluster'>;

/**
 * Reads the intakes, if PODTRIAGE_INTAKES is set. Files of secrets are named from the folder of that file on.
 * @param known the playbooks and endpoints that rules may name
 * @throws TriageError `config-invalid` for a file that is not right, or names what there is not
 */
export async function readIntakes(
  { intakes: { file }, cluster }: Places,
  known: { readonly playbooks: ReadonlySet<string>; readonly endpoints: ReadonlySet<string> },
): Promise<ReadIntakes | undefined> {
  if (file === undefined) return undefined;
  const config = parseIntakes(file, await textOf(file));
  checkNames(file, config, { ...known, clusters: [cluster.name] });
  return { config, secrets: await readSecrets(file, config) };
}

/**
 * Reads what the slash command needs, if the intakes have it.
 * @throws TriageError `config-invalid` that names the field
 */
export async function readSlack(
  { intakes: { file = '' }, cluster }: Places,
  intakes: Intakes | undefined,
  known: {
    readonly playbooks: { has(name: string): boolean };
    readonly endpoints: readonly Pick<EndpointConfig, 'name' | 'kind' | 'reach'>[];
  },
): Promise<ReadSlack | undefined> {
  const config = intakes?.slack;
  if (config === undefined) return undefined;
  const where = `PODTRIAGE_INTAKES: ${file}: slack`;
  const own = config.cluster ?? intakes?.cluster ?? cluster.name;
  const problem = (what: string): TriageError => new TriageError('config-invalid', `${where} ${what}`);
  if (!known.playbooks.has(config.playbook)) throw problem(`playbook: there is no playbook "${config.playbook}"`);
  if (own !== cluster.name) throw problem(`cluster: no worker serves a cluster "${own}"`);
  const { notifyEndpoint: name } = config;
  if (name !== undefined) {
    const endpoint = known.endpoints.find((each) => each.name === name && each.kind === 'slack');
    if (endpoint === undefined) throw problem(`notifyEndpoint: there is no endpoint "${name}" of kind slack; see PODTRIAGE_ENDPOINTS`);
    if (!isWithin(config.reach, endpoint.reach)) throw problem(`notifyEndpoint: endpoint "${name}" may not hear of all that reach has`);
  }
  const secretFile = resolve(dirname(file), config.signingSecretFile);
  await checkSecretFile(secretFile, `${where} signingSecretFile`);
  const secret = parseSigningSecret(await readFile(secretFile, 'utf8'), `${where} signingSecretFile: ${secretFile}`);
  return { config, cluster: own, secret };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TriageError('config-invalid', `PODTRIAGE_INTAKES: cannot read ${file}`, { cause });
  }
}

function checkNames(
  file: string,
  config: Intakes,
  known: { readonly playbooks: ReadonlySet<string>; readonly endpoints: ReadonlySet<string>; readonly clusters: readonly string[] },
): void {
  const { playbooks, endpoints, clusters } = known;
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
    const lines = webhookSecrets(await readFile(secretFile, 'utf8'), `${where}: ${secretFile}`);
    if (lines.length === 0) throw new TriageError('config-invalid', `${where}: ${secretFile} has no secret`);
    secrets.set(
      name,
      lines.map((line) => new Webhook(line)),
    );
  }
  return secrets;
}

function isWithin(inner: Reach, outer: Reach): boolean {
  return outer === 'all' || (inner !== 'all' && inner.every((place) => reaches(outer, place)));
}
