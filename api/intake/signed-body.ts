import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Webhook } from 'standardwebhooks';
import { TriageError } from '../../playbooks/domain/error.js';

const raw = new WeakMap<IncomingMessage, Buffer>();

/** For body parsers (`verify`): keeps the body as it came, for intakes that check a signature over it. */
export function keepRaw(req: IncomingMessage, _res: unknown, body: Buffer): void {
  if (req.url?.startsWith('/api/v1/intake/') === true) raw.set(req, body);
}

/** The body as it came. Empty where there was none. */
export function rawBodyOf(req: IncomingMessage): Buffer {
  return raw.get(req) ?? Buffer.alloc(0);
}

/**
 * Checks a signature by Standard Webhooks (https://www.standardwebhooks.com), at most five minutes old or ahead, and returns the `webhook-id`.
 * @param secrets any of them may have signed; none: nobody can
 * @throws TriageError `unauthorized`, in the same words whatever is wrong
 */
export function verifyWebhook(req: Request, secrets: readonly Webhook[]): string {
  const id = req.get('webhook-id') ?? '';
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': req.get('webhook-timestamp') ?? '',
    'webhook-signature': req.get('webhook-signature') ?? '',
  };
  // All of them are tried, so that time does not tell which one is in use.
  const signed = secrets.filter((secret) => isSignedBy(secret, rawBodyOf(req), headers));
  if (signed.length > 0 && id.length <= 256) return id;
  throw new TriageError(
    'unauthorized',
    'the intake is not known, or the body is not signed by its secret (webhook-id, webhook-timestamp, webhook-signature)',
  );
}

function isSignedBy(secret: Webhook, body: Buffer, headers: Record<string, string>): boolean {
  try {
    secret.verify(body, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}
