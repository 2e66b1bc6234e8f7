import { setTimeout as sleep } from 'node:timers/promises';
import type { Chat, ChatState } from '../../playbooks/delivery/chat.js';
import type { Endpoint, Message, Sent } from '../../playbooks/delivery/port.js';
import { throwIfAborted } from '../../playbooks/domain/error.js';
import type { Chats } from '../../store/chats.js';
import type { RunnerDeps } from './deps.js';

/** What is told in a chat. */
interface Told {
  readonly message: Message;
  /** The chat: `<run>/<endpoint>`. */
  readonly about: string;
}

/** How often, and how far apart in milliseconds, to look whether another worker has done with the chat. */
const looks = 15;
const lookMs = 200;

/**
 * Makes one attempt at an endpoint that has one message for a run. Only one worker at a time tells something there; a milestone that comes after
 * a later one, as its first attempt was not taken, counts as told: the message already says more. Throws what `send` throws.
 */
export async function sendInChat({ chats, timings }: RunnerDeps, endpoint: Endpoint, { message, about }: Told, signal: AbortSignal): Promise<Sent> {
  const release = await held(chats, about, timings.deliverTimeoutMs, signal);
  if (release === undefined) return { taken: false, code: 'delivery-failed', reason: 'another milestone of it was being told' };
  try {
    const chat = await OpenChat.read(chats, about);
    const { timestamp } = message.event;
    if (chat.state.toldAt !== undefined && timestamp < chat.state.toldAt) return { taken: true };
    const sent = await endpoint.send({ ...message, chat }, signal);
    if (sent.taken) await chat.keep({ ...chat.state, toldAt: timestamp });
    return sent;
  } finally {
    await release();
  }
}

async function held(chats: Chats, about: string, ms: number, signal: AbortSignal): Promise<(() => Promise<void>) | undefined> {
  for (let look = 0; look < looks; look += 1) {
    throwIfAborted(signal);
    // A little longer than an attempt can take.
    const release = await chats.hold(about, ms + 2_000);
    if (release !== undefined) return release;
    await sleep(lookMs);
  }
  return undefined;
}

class OpenChat implements Chat {
  private constructor(
    private readonly chats: Chats,
    private readonly about: string,
    private known: ChatState,
  ) {}

  static async read(chats: Chats, about: string): Promise<OpenChat> {
    return new OpenChat(chats, about, await chats.state(about));
  }

  get state(): ChatState {
    return this.known;
  }

  async reply(): Promise<{ sealed: string; about: string } | undefined> {
    const sealed = await this.chats.reply(this.about);
    return sealed === undefined ? undefined : { sealed, about: this.about };
  }

  async keep(state: ChatState): Promise<void> {
    await this.chats.keep(this.about, state);
    this.known = state;
  }
}
