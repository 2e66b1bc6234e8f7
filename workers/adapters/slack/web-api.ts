import { type Logger, LogLevel, WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError, WebClient } from '@slack/web-api';
import { z } from 'zod';
import type { Sent } from '../../../playbooks/delivery/port.js';
import { TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';
import type { AddressPolicy } from '../delivery/address.js';
import { notSent } from '../delivery/webhook.js';
import { guardedFetch } from './guarded-fetch.js';
import type { SlackMessage } from './message.js';

/** Where the Web API is, and who asks it. */
export interface SlackAccount {
  readonly token: string;
  /** Default: Slack's own. */
  readonly apiUrl?: string | undefined;
  readonly policy: AddressPolicy;
}

/** What a call has come to: where the message stands, or that it cannot be changed, or why it was not taken. */
export type Called = { readonly ts: string } | 'not-there' | Exclude<Sent, { taken: true }>;

const postedSchema = z.object({ ts: z.string().regex(/^\d{1,20}\.\d{1,20}$/) });

/** Posts a message to a channel, or, with `ts`, brings one up to date that stands there. One request; throws only the signal's reason. */
export async function tell(
  account: SlackAccount,
  channel: string,
  ts: string | undefined,
  message: SlackMessage,
  signal: AbortSignal,
): Promise<Called> {
  const client = clientOf(account, signal);
  try {
    const answer =
      ts === undefined
        ? await client.chat.postMessage({ channel, ...message, parse: 'none', link_names: false, unfurl_links: false, unfurl_media: false })
        : await client.chat.update({ channel, ts, ...message, parse: 'none', link_names: false });
    const posted = postedSchema.safeParse(answer);
    // It is taken all the same: only that it can be changed is not known.
    return { ts: posted.success ? posted.data.ts : '' };
  } catch (error) {
    throwIfAborted(signal);
    return calledOf(error);
  }
}

/** No retries of its own: deliveries have theirs. It logs nothing, as it would log what it sends. */
function clientOf({ token, apiUrl, policy }: SlackAccount, signal: AbortSignal): WebClient {
  return new WebClient(token, {
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
    fetch: guardedFetch(policy, signal),
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    logger: silent,
  });
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => LogLevel.ERROR,
  setName: () => undefined,
};

function calledOf(error: unknown): Called {
  const failed = { taken: false, code: 'delivery-failed' } as const;
  if (error instanceof WebAPIRequestError && error.original instanceof TriageError) return notTaken(notSent(error.original));
  if (error instanceof WebAPIRateLimitedError)
    return { ...failed, status: 429, reason: 'Slack asks to wait', retryAfterMs: error.retryAfter * 1_000 };
  if (error instanceof WebAPIHTTPError) return { ...failed, status: error.statusCode, reason: `Slack answered ${error.statusCode}` };
  if (!(error instanceof WebAPIPlatformError)) return { ...failed, reason: 'Slack could not be asked' };
  const said = error.data.error;
  if (gone.has(said)) return 'not-there';
  if (isOurs.has(said)) return { ...failed, reason: `Slack does not take the message (${said})`, final: true };
  return { ...failed, reason: words.get(said) ?? 'Slack refused the message' };
}

function notTaken(sent: Sent): Called {
  return sent.taken ? { ts: '' } : sent;
}

/** Errors of chat.update for a message that cannot be brought up to date (any more): https://docs.slack.dev/reference/methods/chat.update */
const gone: ReadonlySet<string> = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);

/** Errors that say the same of every attempt. */
const isOurs: ReadonlySet<string> = new Set(['invalid_blocks', 'invalid_blocks_format', 'msg_too_long', 'msg_blocks_too_long', 'no_text']);

/** What an operator can set right, in our words. */
const words: ReadonlyMap<string, string> = new Map(
  Object.entries({
    channel_not_found: 'Slack does not know the channel, or the bot may not see it',
    not_in_channel: 'the bot is not in the channel: invite it',
    is_archived: 'the channel is archived',
    invalid_auth: 'Slack does not take the token',
    not_authed: 'Slack does not take the token',
    token_revoked: 'the token was revoked',
    token_expired: 'the token has expired',
    account_inactive: 'the token is of an account that is not active',
    missing_scope: 'the token does not have the scope chat:write',
    restricted_action: 'a rule of the workspace keeps the bot from posting',
  }),
);
