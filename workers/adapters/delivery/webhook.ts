import { Webhook } from 'standardwebhooks';
import type { WebhookEndpoint } from '../../../playbooks/delivery/endpoints.js';
import type { Endpoint, Message, Sent } from '../../../playbooks/delivery/port.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { AddressPolicy } from './address.js';
import { type Answer, post } from './request.js';

/** An endpoint that takes events as Standard Webhooks has them (https://www.standardwebhooks.com). */
export function createWebhook({ name, kind, milestones, reach, url }: WebhookEndpoint, secrets: readonly string[], policy: AddressPolicy): Endpoint {
  const signers = secrets.map((secret) => new Webhook(secret));
  return { name, kind, milestones, reach, send: (message, signal) => send(url, signers, policy, message, signal) };
}

async function send(url: string, signers: readonly Webhook[], policy: AddressPolicy, { id, body, at }: Message, signal: AbortSignal): Promise<Sent> {
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': signers.map((signer) => signer.sign(id, at, body)).join(' '),
  };
  try {
    return sentAs(await post({ url, headers, body }, policy, signal), at);
  } catch (error) {
    return notSent(error);
  }
}

/** What an error of `post` makes of an attempt. Throws others. */
export function notSent(error: unknown): Sent {
  if (!(error instanceof TriageError)) throw error;
  const { code, message: reason } = error;
  if (code === 'address-refused') return { taken: false, code, reason, final: true };
  if (code === 'delivery-failed') return { taken: false, code, reason };
  throw error;
}

/** What an answer makes of an attempt, by its status alone. */
export function sentAs({ status, retryAfter }: Answer, now: Date): Sent {
  if (status >= 200 && status < 300) return { taken: true, status };
  const failed = { taken: false, code: 'delivery-failed', status } as const;
  if (status === 410) return { ...failed, reason: 'the endpoint answered 410: it wants nothing any more', final: true };
  if (status >= 300 && status < 400) return { ...failed, reason: `the endpoint answered ${status}: redirects are not followed` };
  const retryAfterMs = status === 429 || status === 503 ? millisecondsOf(retryAfter, now) : undefined;
  return { ...failed, reason: `the endpoint answered ${status}`, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The header's seconds or date (RFC 9110, 10.2.3). */
function millisecondsOf(retryAfter: string | undefined, now: Date): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now.getTime();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
