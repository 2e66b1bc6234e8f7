import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type EndpointConfig, type EndpointsConfig, noEndpoints, parseEndpoints } from '../playbooks/delivery/endpoints.js';
import { TriageError } from '../playbooks/domain/error.js';
import { checkSecretFile, type ServiceConfig } from './config.js';

/**
 * The endpoints that results go to, with none of their secrets; files of secrets are named from the folder of the file on. Without the file there
 * are none. Throws `config-invalid`.
 */
export async function readEndpoints({ endpoints: { file } }: Pick<ServiceConfig, 'endpoints'>): Promise<EndpointsConfig> {
  if (file === undefined) return noEndpoints;
  const { endpoints, allow } = parseEndpoints(`PODTRIAGE_ENDPOINTS: ${file}`, await textOf(file));
  const folder = dirname(file);
  return { allow, endpoints: endpoints.map((endpoint) => withSecretIn(folder, endpoint)) };
}

/** What workers get of them, where there are any: each secret must be there and private. Throws `config-invalid`. */
export async function workerEndpoints(config: Pick<ServiceConfig, 'endpoints'>): Promise<{ readonly endpoints?: EndpointsConfig }> {
  if (config.endpoints.file === undefined) return {};
  const read = await readEndpoints(config);
  for (const endpoint of read.endpoints) await checkSecretsOf(endpoint);
  return { endpoints: read };
}

/** Throws `config-invalid` for a secret of an endpoint that is not there, or not private. */
export async function checkSecretsOf(endpoint: EndpointConfig): Promise<void> {
  for (const [field, file] of Object.entries(secretsOf(endpoint)))
    await checkSecretFile(file, `PODTRIAGE_ENDPOINTS: endpoint "${endpoint.name}" ${field}`);
}

/** The files of its secrets, by field. */
function secretsOf(endpoint: EndpointConfig): Readonly<Record<string, string | undefined>> {
  if (endpoint.kind === 'webhook') return { secretFile: endpoint.secretFile };
  return { tokenFile: endpoint.tokenFile, signingSecretFile: endpoint.signingSecretFile };
}

function withSecretIn(folder: string, endpoint: EndpointConfig): EndpointConfig {
  if (endpoint.kind === 'webhook') return { ...endpoint, secretFile: resolve(folder, endpoint.secretFile) };
  const { tokenFile, signingSecretFile } = endpoint;
  const signing = signingSecretFile === undefined ? {} : { signingSecretFile: resolve(folder, signingSecretFile) };
  return { ...endpoint, tokenFile: resolve(folder, tokenFile), ...signing };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TriageError('config-invalid', `PODTRIAGE_ENDPOINTS: ${file} cannot be read`, { cause });
  }
}
