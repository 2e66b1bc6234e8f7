import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { asTriageError } from '../../playbooks/domain/error.js';

/** A Lua script and its name in Redis. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

/** Makes a {@link Script} of Lua text. */
export function script(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') };
}

const replySchema = z.tuple([z.string()], z.union([z.string(), z.number()]));

/** What a script says: a word, then what belongs to it. */
export type Reply = z.output<typeof replySchema>;

/**
 * Runs a script; sends its text only to a Redis that does not know it (any more).
 * @throws TriageError `redis-unavailable` when Redis does not answer, `internal` when the script fails or answers nonsense
 */
export async function runScript(redis: Redis, { lua, sha1 }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
  return replySchema.parse(await evaluate(redis, lua, sha1, keys, args));
}

async function evaluate(redis: Redis, lua: string, sha1: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
  try {
    return await redis.evalsha(sha1, keys.length, ...keys, ...args);
  } catch (error) {
    if (!isReply(error)) throw asTriageError(error, 'redis-unavailable', 'Redis did not answer');
    if (!error.message.startsWith('NOSCRIPT')) throw asTriageError(error, 'internal', 'a script failed in Redis');
  }
  return redis.eval(lua, keys.length, ...keys, ...args);
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
