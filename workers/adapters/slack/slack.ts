import { type Chat, maxReplies } from '../../../playbooks/delivery/chat.js';
import type { SlackEndpoint } from '../../../playbooks/delivery/endpoints.js';
import type { Endpoint, Message, Sent } from '../../../playbooks/delivery/port.js';
import { unseal } from '../../../playbooks/delivery/sealed.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { AddressPolicy } from '../delivery/address.js';
import { post } from '../delivery/request.js';
import { sentAs } from '../delivery/webhook.js';
import { type SlackMessage, slackMessage } from './message.js';
import { tell } from './web-api.js';

/** What an endpoint of kind `slack` is opened with, beside its configuration. */
export interface SlackSecrets {
  readonly token: string;
  /** Absent: replies to slash commands go to the channel. */
  readonly signingSecret?: string;
  readonly policy: AddressPolicy;
  /** Where people find the API. */
  readonly publicUrl?: string;
}

/**
 * An endpoint that has one message for each run and keeps it up to date: while the reply address of the slash command lives, the reply to that; else a message
 * of the bot in the endpoint's channel.
 */
export function createSlack({ name, kind, milestones, reach, channel, apiUrl }: SlackEndpoint, secrets: SlackSecrets): Endpoint {
  const account = { token: secrets.token, apiUrl, policy: secrets.policy };
  return {
    name,
    kind,
    milestones,
    reach,
    async send(message, signal) {
      const content = slackMessage(message.event, secrets.publicUrl);
      return (await reply(secrets, message, content, signal)) ?? (await byBot(account, channel, message.chat, content, signal));
    },
  };
}

/** Undefined: nobody waits at a reply address (any more). */
async function reply(
  { signingSecret, policy }: SlackSecrets,
  { chat, at }: Message,
  { text, blocks }: SlackMessage,
  signal: AbortSignal,
): Promise<Sent | undefined> {
  // Once the bot has a message of the run, that is the one.
  if (signingSecret === undefined || chat === undefined || chat.state.ts !== undefined || chat.state.replies >= maxReplies) return undefined;
  const waiting = await chat.reply();
  const url = waiting === undefined ? undefined : unseal(signingSecret, waiting.about, waiting.sealed);
  if (url === undefined) return undefined;
  await chat.keep({ ...chat.state, replies: chat.state.replies + 1 });
  const body = JSON.stringify({ replace_original: true, response_type: 'in_channel', text, blocks });
  try {
    const answer = await post({ url, headers: {}, body }, policy, signal);
    const { status } = answer;
    if (status < 300 || status === 429 || status >= 500) return sentAs(answer, at);
  } catch (error) {
    if (!(error instanceof TriageError) || (error.code !== 'delivery-failed' && error.code !== 'address-refused')) throw error;
    if (error.code === 'delivery-failed') return { taken: false, code: error.code, reason: `the reply to the command: ${error.message}` };
  }
  // It has ended, or is none: there is another way.
  await chat.keep({ ...chat.state, replies: maxReplies });
  return undefined;
}

async function byBot(
  account: Parameters<typeof tell>[0],
  channel: string,
  chat: Chat | undefined,
  content: SlackMessage,
  signal: AbortSignal,
): Promise<Sent> {
  const known = chat?.state.channel === channel ? chat.state.ts : undefined;
  const updated = known === undefined ? 'not-there' : await tell(account, channel, known, content, signal);
  const called = updated === 'not-there' ? await tell(account, channel, undefined, content, signal) : updated;
  if (called === 'not-there') return { taken: false, code: 'delivery-failed', reason: 'Slack refused the message' };
  if ('taken' in called) return called;
  if (chat !== undefined && called.ts !== '' && called.ts !== known) await chat.keep({ ...chat.state, channel, ts: called.ts });
  return { taken: true, status: 200 };
}
