import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import { rawBodyOf } from './signed-body.js';

/** How old, and how far ahead, a request may be, in seconds. */
const windowSeconds = 300;

/**
 * Checks that Slack has sent a request: HMAC-SHA256 over `v0:<timestamp>:<body as it came>`, at most five minutes old or ahead
 * (https://docs.slack.dev/authentication/verifying-requests-from-slack).
 * @throws TriageError `unauthorized`, in the same words whatever is wrong
 */
export function verifySlack(req: Request, secret: string | undefined, now: Date): void {
  const timestamp = req.get('x-slack-request-timestamp') ?? '';
  const given = Buffer.from(req.get('x-slack-signature') ?? '');
  // An installation without a secret does the same, and takes nothing.
  const hmac = createHmac('sha256', secret ?? 'none')
    .update(`v0:${timestamp}:`)
    .update(rawBodyOf(req));
  const wanted = Buffer.from(`v0=${hmac.digest('hex')}`);
  const isSame = given.length === wanted.length && timingSafeEqual(given, wanted);
  const age = /^\d{1,12}$/.test(timestamp) ? Math.abs(now.getTime() / 1_000 - Number(timestamp)) : Number.POSITIVE_INFINITY;
  if (secret !== undefined && isSame && age <= windowSeconds) return;
  throw new TriageError('unauthorized', 'the request is not signed by Slack for this app (X-Slack-Signature), or not within five minutes of now');
}
