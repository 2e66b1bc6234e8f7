import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { priorities } from '../playbooks/domain/request.js';
import { type Ahead, etaOf } from './eta.js';
import type { LedgerState } from './quota.js';

/** A place in the queue of lookups. */
export interface Place {
  readonly ahead: Ahead;
  /** Whether it may use the share of the day that is kept for interactive work. */
  readonly interactive: boolean;
}

/** BullMQ orders a queue by priority * 2^32 + a counter. */
const scoreOf = (priority: number): string => String(priority * 2 ** 32);
/** BullMQ keeps the time of a delayed job, in milliseconds, in the upper bits of its score. */
const delayedScoreUnit = 4_096;

/** Id of the job that asks about a hash. */
export function lookupId(sha256: string): string {
  return `vt.${sha256}`;
}

/** Says whether a priority may use all of the day. */
export function isInteractive(priority: number): boolean {
  return priority < priorities.webhook;
}

/** What the queue knows of one lookup. */
export interface WaitingLookup {
  readonly sha256: string;
  /** Undefined: there is no such job. */
  readonly priority: number | undefined;
  /** From 0, among those that are not delayed. Undefined: delayed, or in flight. */
  readonly rank: number | undefined;
  /** Place among the delayed, and when it is due, in milliseconds since the epoch. */
  readonly delayed: { readonly rank: number; readonly due: number } | undefined;
}

/** Reads what the queue knows of these hashes, in one go. */
export async function waitingLookups(redis: Redis, queue: Queue, hashes: readonly string[]): Promise<readonly WaitingLookup[]> {
  const asks = redis.pipeline();
  for (const id of hashes.map(lookupId)) {
    asks.hget(queue.toKey(id), 'priority').zrank(queue.toKey('prioritized'), id);
    asks.zrank(queue.toKey('delayed'), id).zscore(queue.toKey('delayed'), id);
  }
  const replies = (await asks.exec()) ?? [];
  return hashes.map((sha256, at): WaitingLookup => {
    const [priority, rank, delayedRank, score] = replies.slice(at * 4, at * 4 + 4).map(([, value]) => numberOf(value));
    const delayed = delayedRank === undefined || score === undefined ? undefined : { rank: delayedRank, due: score / delayedScoreUnit };
    return { sha256, priority, rank, delayed };
  });
}

/** The place of the last of these lookups; undefined when none of them waits any more. Delayed ones stand behind all others of their kind. */
export async function lastPlace(redis: Redis, queue: Queue, hashes: readonly string[]): Promise<Place | undefined> {
  const waiting = (await waitingLookups(redis, queue, hashes)).filter(({ priority }) => priority !== undefined);
  if (waiting.length === 0) return undefined;
  const { interactive, other } = await queued(redis, queue);
  const rankOf = ({ rank, delayed, priority = 0 }: WaitingLookup): number => {
    if (delayed === undefined) return rank ?? 0;
    return isInteractive(priority) ? interactive : interactive + other + delayed.rank;
  };
  const last = waiting.reduce((a, b) => (rankOf(b) > rankOf(a) ? b : a));
  const rank = rankOf(last);
  return {
    ahead: { interactive: Math.min(rank, interactive), other: Math.max(0, rank - interactive) },
    interactive: isInteractive(last.priority ?? 0),
  };
}

/** The place of the last of all lookups; undefined when none waits. */
export async function endOfLine(redis: Redis, queue: Queue): Promise<Place | undefined> {
  const [{ interactive, other }, delayed] = await Promise.all([queued(redis, queue), redis.zcard(queue.toKey('delayed'))]);
  const others = other + delayed;
  if (others > 0) return { ahead: { interactive, other: others - 1 }, interactive: false };
  return interactive === 0 ? undefined : { ahead: { interactive: interactive - 1, other: 0 }, interactive: true };
}

/** When a place in the queue will be reached, by the clock of this process, as whoever reads it compares it with that. ISO 8601. */
export function etaText(states: readonly LedgerState[], { ahead, interactive }: Place, until?: number): string | undefined {
  // By how much this clock is before that of Redis.
  const early = Date.now() - (states[0]?.now ?? Date.now());
  const at = etaOf(states, ahead, interactive, until === undefined ? undefined : until - early);
  return at === undefined ? undefined : new Date(at + early).toISOString();
}

/** How many lookups wait, by the priority of who asked. */
export async function lineByPriority(redis: Redis, queue: Queue): Promise<{ interactive: number; webhook: number; batch: number }> {
  const key = queue.toKey('prioritized');
  const [interactive, webhook, batch, delayed] = await Promise.all([
    redis.zcount(key, '-inf', `(${scoreOf(priorities.webhook)}`),
    redis.zcount(key, scoreOf(priorities.webhook), `(${scoreOf(priorities.batch)}`),
    redis.zcount(key, scoreOf(priorities.batch), '+inf'),
    delayedPriorities(redis, queue),
  ]);
  const also = (from: number, to: number): number => delayed.filter((priority) => priority >= from && priority < to).length;
  return {
    interactive: interactive + also(0, priorities.webhook),
    webhook: webhook + also(priorities.webhook, priorities.batch),
    batch: batch + also(priorities.batch, Number.POSITIVE_INFINITY),
  };
}

async function delayedPriorities(redis: Redis, queue: Queue): Promise<readonly number[]> {
  const asks = redis.pipeline();
  for (const id of await redis.zrange(queue.toKey('delayed'), '0', '-1')) asks.hget(queue.toKey(id), 'priority');
  return ((await asks.exec()) ?? []).map(([, priority]) => numberOf(priority) ?? 0);
}

async function queued(redis: Redis, queue: Queue): Promise<{ interactive: number; other: number }> {
  const key = queue.toKey('prioritized');
  const [all, interactive] = await Promise.all([redis.zcard(key), redis.zcount(key, '-inf', `(${scoreOf(priorities.webhook)}`)]);
  return { interactive, other: Math.max(0, all - interactive) };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? Number(value) : undefined;
}
