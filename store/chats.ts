import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type ChatState, chatSchema, replySeconds } from '../playbooks/delivery/chat.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { releaseLease } from './scripts/lease.js';
import { runScript } from './scripts/script.js';
import type { SignedTexts } from './signed-text.js';

/** A run is amended as long as answers are missing; a message that was not touched for so long is followed by a new one. */
const stateSeconds = 30 * 86_400;

const replySchema = z.strictObject({ sealed: z.string().max(10_000) });

/**
 * What is remembered of the messages that are brought up to date: one chat for each run or batch and endpoint, `<run>/<endpoint>`. All of it is signed:
 * else who can write to Redis could have another message overwritten, or a result counted as told. Methods throw `redis-unavailable`.
 */
export class Chats {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly texts: SignedTexts,
  ) {}

  /** Keeps the sealed address at which a person waits, for the half hour that it lives. For the API. */
  async keepReply(about: string, sealed: string): Promise<void> {
    const text = this.texts.sign({ purpose: 'chat-reply', about }, { sealed }, replySeconds);
    await ofRedis(() => this.redis.set(this.keys.chatReply(about), text, 'EX', replySeconds));
  }

  /** The sealed address; undefined where there is none, or none any more. */
  async reply(about: string): Promise<string | undefined> {
    const key = this.keys.chatReply(about);
    const text = await ofRedis(() => this.redis.get(key));
    return (await this.texts.read({ purpose: 'chat-reply', about }, replySchema, text, () => ofRedis(() => this.redis.del(key))))?.sealed;
  }

  /** What was told before. For a worker, as all that follows. */
  async state(about: string): Promise<ChatState> {
    const key = this.keys.chat(about);
    const text = await ofRedis(() => this.redis.get(key));
    const known = await this.texts.read({ purpose: 'chat', about }, chatSchema, text, () => ofRedis(() => this.redis.del(key)));
    return known ?? chatSchema.parse({});
  }

  async keep(about: string, state: ChatState): Promise<void> {
    const text = this.texts.sign({ purpose: 'chat', about }, state, stateSeconds);
    await ofRedis(() => this.redis.set(this.keys.chat(about), text, 'EX', stateSeconds));
  }

  /** Takes a chat for itself, for `ms` at most. Returns what lets go of it; undefined: another worker has it. */
  async hold(about: string, ms: number): Promise<(() => Promise<void>) | undefined> {
    const [key, token] = [this.keys.chatLease(about), randomUUID()];
    if ((await ofRedis(() => this.redis.set(key, token, 'PX', ms, 'NX'))) === null) return undefined;
    return async () => {
      await runScript(this.redis, releaseLease, [key], [token]);
    };
  }
}
