import { readFile } from 'node:fs/promises';
import type { EndpointConfig, EndpointsConfig, SlackEndpoint } from '../../../playbooks/delivery/endpoints.js';
import type { Endpoint, EndpointsPort } from '../../../playbooks/delivery/port.js';
import { parseBotToken, parseSigningSecret } from '../../../playbooks/delivery/slack-secret.js';
import { parseWebhookSecrets } from '../../../playbooks/domain/webhook-secret.js';
import { createSlack } from '../slack/slack.js';
import type { AddressPolicy } from './address.js';
import { createWebhook } from './webhook.js';

/**
 * Reads the secrets of all endpoints. Throws `config-invalid` that names the file.
 * @param publicUrl where people find the API, for links
 */
export async function openEndpoints({ endpoints, allow }: EndpointsConfig, publicUrl?: string): Promise<EndpointsPort> {
  const opened = await Promise.all(endpoints.map((endpoint) => open(endpoint, { allow }, publicUrl)));
  return new Map(opened.map((endpoint) => [endpoint.name, endpoint]));
}

async function open(endpoint: EndpointConfig, policy: AddressPolicy, publicUrl: string | undefined): Promise<Endpoint> {
  if (endpoint.kind === 'slack') return openSlack(endpoint, policy, publicUrl);
  const { name, secretFile } = endpoint;
  return createWebhook(
    endpoint,
    parseWebhookSecrets(await readFile(secretFile, 'utf8'), `PODTRIAGE_ENDPOINTS: endpoint "${name}" secretFile: ${secretFile}`),
    policy,
  );
}

async function openSlack(endpoint: SlackEndpoint, policy: AddressPolicy, publicUrl: string | undefined): Promise<Endpoint> {
  const { name, tokenFile, signingSecretFile } = endpoint;
  const token = parseBotToken(await readFile(tokenFile, 'utf8'), `PODTRIAGE_ENDPOINTS: endpoint "${name}" tokenFile: ${tokenFile}`);
  const links = publicUrl === undefined ? {} : { publicUrl };
  if (signingSecretFile === undefined) return createSlack(endpoint, { token, policy, ...links });
  const signingSecret = parseSigningSecret(
    await readFile(signingSecretFile, 'utf8'),
    `PODTRIAGE_ENDPOINTS: endpoint "${name}" signingSecretFile: ${signingSecretFile}`,
  );
  return createSlack(endpoint, { token, signingSecret, policy, ...links });
}
