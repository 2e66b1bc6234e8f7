import type { Redis } from 'ioredis';
import { priorities } from '../playbooks/domain/request.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';

/** How full one queue is. */
export interface QueueState {
  readonly name: string;
  /** Jobs that could be taken now, are being worked on, and sleep until something is free or a time has come. */
  readonly jobs: { readonly waiting: number; readonly active: number; readonly parked: number };
  /** How long ago the oldest of the jobs at the head of the line was added, in seconds. Undefined: none waits. */
  readonly oldestSeconds: number | undefined;
}

/** BullMQ orders a queue by priority * 2^32 + a counter, so that the oldest of each priority stand first in it. */
const heads = [0, ...Object.values(priorities)].map((priority) => String(priority * 2 ** 32));
/** Questions about one queue. */
const asked = 5 + heads.length;

/** Reads all of these queues in two rounds, whatever is in them. Throws `redis-unavailable`. */
export function queueStates(redis: Redis, { prefix }: Pick<Keys, 'prefix'>, names: readonly string[]): Promise<readonly QueueState[]> {
  return ofRedis(async () => {
    const questions = redis.pipeline();
    // As BullMQ names its keys; a Queue of its own would be a connection more for each.
    const keyOf = (name: string, what: string): string => `${prefix}:${name}:${what}`;
    for (const name of names) {
      questions.llen(keyOf(name, 'wait')).zcard(keyOf(name, 'prioritized')).llen(keyOf(name, 'active')).zcard(keyOf(name, 'delayed'));
      questions.lindex(keyOf(name, 'wait'), -1);
      for (const head of heads) questions.zrange(keyOf(name, 'prioritized'), head, '+inf', 'BYSCORE', 'LIMIT', 0, 1);
    }
    const replies = valuesOf(await questions.exec());
    const found = names.map((name, at) => ({ name, ...countsOf(replies.slice(at * asked, (at + 1) * asked)) }));
    const times = redis.pipeline();
    for (const { name, first } of found) for (const id of first) times.hget(keyOf(name, id), 'timestamp');
    const added = valuesOf(await times.exec()).map(Number);
    const now = Date.now();
    return found.map(({ name, jobs, first }) => {
      const mine = added.splice(0, first.length).filter((time) => time > 0);
      return { name, jobs, oldestSeconds: mine.length === 0 ? undefined : Math.max(0, (now - Math.min(...mine)) / 1_000) };
    });
  });
}

function countsOf(replies: readonly unknown[]): Pick<QueueState, 'jobs'> & { readonly first: readonly string[] } {
  const [wait = 0, prioritized = 0, active = 0, parked = 0] = replies.slice(0, 4).map(Number);
  const first = replies
    .slice(4)
    .flat()
    .filter((id) => typeof id === 'string');
  return { jobs: { waiting: wait + prioritized, active, parked }, first: [...new Set(first)] };
}

function valuesOf(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
