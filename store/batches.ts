import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { BatchState } from '../playbooks/domain/batch.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { BatchTarget } from '../playbooks/fleet/target.js';
import {
  type BatchOrder,
  batchOrderSchema,
  type FleetFile,
  fleetSchema,
  pageSchema,
  places,
  podsPerPage,
  type Round,
  roundSchema,
  type SignedWish,
  type Wish,
  wishSchema,
} from './batches-texts.js';
import { type BatchRecord, batchRecordSchema } from './batches-view.js';
import { type Mode, modeOf, wishArrows } from './batches-wishes.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { parsed } from './parsed.js';
import { batchExpanded, batchForget, batchOpen, batchReported, batchState, batchWish } from './scripts/batch.js';
import { type Reply, runScript, type Script } from './scripts/script.js';
import type { SignedTexts } from './signed-text.js';

/** How often a wish is signed anew because another one came first. */
const wishTries = 10;
/** All of them are read at each look at the batch. */
const maxWishes = 1_000;
const ends: ReadonlySet<BatchState> = new Set(['planned', 'completed', 'cancelled', 'failed']);

/** Whether a batch does nothing more by itself. */
export function isBatchEnd(state: BatchState): boolean {
  return ends.has(state);
}

/** A batch as it is kept: its signed order, and what Redis says beside it. */
export interface StoredBatch {
  readonly id: string;
  readonly order: BatchOrder;
  readonly record: BatchRecord;
}

/**
 * Batches in Redis. What is acted upon is signed: the order and what is wished by the API, the pods and the report by a worker. The rest is for
 * showing, and for going on where somebody has stopped. Methods throw `redis-unavailable`.
 */
export class RedisBatches {
  constructor(
    protected readonly redis: Redis,
    protected readonly keys: Keys,
    private readonly texts: SignedTexts,
    private readonly clock: () => Date = () => new Date(),
  ) {}

  /** Opens a batch. One of this id that there is already is left as it is. */
  async open(batch: string, order: Omit<BatchOrder, 'createdAt'>): Promise<void> {
    const createdAt = this.clock().toISOString();
    const text = this.texts.sign(places.order(batch), { ...order, createdAt });
    const fields = ['order', text, 'state', 'expanding', 'round', 1];
    await this.run(batchOpen, batch, [this.keys.batch(batch), this.keys.batches, this.keys.batchesOpen], fields);
  }

  /** Undefined where there is none, or none that an API has signed. */
  async get(batch: string): Promise<StoredBatch | undefined> {
    const hash = await ofRedis(() => this.redis.hgetall(this.keys.batch(batch)));
    if (hash['order'] === undefined) return undefined;
    const order = await this.texts.read(places.order(batch), batchOrderSchema, hash['order'], nothing);
    return order === undefined ? undefined : { id: batch, order, record: parsed(batchRecordSchema, hash, `batch ${batch}`) };
  }

  /** Of those that are not at an end. */
  openBatches(): Promise<readonly string[]> {
    return ofRedis(() => this.redis.smembers(this.keys.batchesOpen));
  }

  /** Takes one off the list that is at an end, unless somebody has had it retried meanwhile. */
  async forgetEnded(batch: string): Promise<void> {
    await runScript(this.redis, batchForget, [this.keys.batch(batch), this.keys.batchesOpen], [batch, ...ends]);
  }

  /** Takes one off the list that cannot be gone through. */
  async forget(batch: string): Promise<void> {
    await ofRedis(() => this.redis.srem(this.keys.batchesOpen, batch));
  }

  /** Ids, newest first, from before one on. */
  ids(limit: number, before?: string): Promise<readonly string[]> {
    const from = before === undefined ? '+' : `(${before}`;
    return ofRedis(() => this.redis.zrange(this.keys.batches, from, '-', 'BYLEX', 'REV', 'LIMIT', 0, limit));
  }

  /** Has a batch paused, resumed, cancelled or retried. Returns false where it is that already. Throws `not-found`, and `conflict` for a state in which it cannot be. */
  async wish(batch: string, wish: Wish, by: string): Promise<boolean> {
    const { from, same } = wishArrows[wish];
    for (let number = 0; number < wishTries; number += 1) {
      const seen = await ofRedis(() => this.redis.llen(this.keys.batchWishes(batch)));
      if (seen >= maxWishes && wish !== 'cancel')
        throw new TriageError('conflict', `batch ${batch} was told ${seen} things already; it can only be cancelled`);
      const signed: SignedWish = { wish, by, at: this.clock().toISOString() };
      const text = this.texts.sign(places.wish(batch, seen), signed);
      const keys = [this.keys.batch(batch), this.keys.batchWishes(batch), this.keys.batchesOpen];
      const [what, state] = await this.run(batchWish, batch, keys, [seen, text, ...Object.entries(from).flat()]);
      if (what === 'ok') return true;
      if (what === 'gone') throw new TriageError('not-found', `there is no batch ${batch}`);
      if (what === 'no' && same.some((each) => each === state)) return false;
      if (what === 'no') throw new TriageError('conflict', `batch ${batch} is ${String(state)}; it cannot be told to ${wish} now`);
      await sleep(5 * number);
    }
    throw new TriageError('conflict', `batch ${batch} is told too much at once; try again`);
  }

  /** What all that is wished of a batch comes to. One that is not signed by an API is reported and not heard. */
  async mode(batch: string): Promise<Mode> {
    const texts = await ofRedis(() => this.redis.lrange(this.keys.batchWishes(batch), 0, -1));
    const heard: SignedWish[] = [];
    for (const [at, text] of texts.entries()) {
      const wish = await this.texts.read(places.wish(batch, at), wishSchema, text, nothing);
      if (wish !== undefined) heard.push(wish);
    }
    return modeOf(heard);
  }

  /** Keeps what a worker has found, unless there is something already. */
  async expanded(batch: string, round: number, found: Pick<Round, 'foreign' | 'left' | 'error'>, targets: readonly BatchTarget[]): Promise<void> {
    const pages = Array.from({ length: Math.ceil(targets.length / podsPerPage) }, (_, page) =>
      targets.slice(page * podsPerPage, (page + 1) * podsPerPage),
    );
    const texts = pages.flatMap((page, at) => [`${round}.${at}`, this.texts.sign(places.page(batch, round, at), page)]);
    const namespaces = [...new Set(targets.map(({ namespace }) => namespace))].sort();
    const summary: Round = { ...found, at: this.clock().toISOString(), pages: pages.length, count: targets.length, namespaces };
    const last = [`${round}`, this.texts.sign(places.round(batch, round), summary)];
    await this.run(batchExpanded, batch, [this.keys.batch(batch), this.keys.batchPods(batch)], [...texts, ...last]);
  }

  /** What was found in a round; undefined while nothing is known of it. */
  async round(batch: string, round: number): Promise<Round | undefined> {
    const text = await ofRedis(() => this.redis.hget(this.keys.batchPods(batch), String(round)));
    return this.texts.read(places.round(batch, round), roundSchema, text, nothing);
  }

  /** The pods that were found in a round. Throws `custody-broken` where a page is missing or is not the one that was signed. */
  async pods(batch: string, round: number, { pages, count }: Round): Promise<readonly BatchTarget[]> {
    const targets: BatchTarget[] = [];
    for (let page = 0; page < pages; page += 1) targets.push(...(await this.page(batch, round, page)));
    if (targets.length !== count) throw broken(batch, `has ${targets.length} pods in round ${round}, and must have ${count}`);
    return targets;
  }

  /** Some of them. Throws `custody-broken`. */
  async page(batch: string, round: number, page: number): Promise<readonly BatchTarget[]> {
    const text = await ofRedis(() => this.redis.hget(this.keys.batchPods(batch), `${round}.${page}`));
    const found = await this.texts.read(places.page(batch, round, page), pageSchema, text, nothing);
    if (found === undefined) throw broken(batch, `lacks page ${page} of its pods of round ${round}`);
    return found;
  }

  /** Moves a batch on, if it is still in the state before. */
  async move(batch: string, from: BatchState, to: BatchState, fields: Readonly<Record<string, string | number>> = {}): Promise<boolean> {
    const pairs = Object.entries({ ...fields, state: to }).flat();
    const args = [from, to, isBatchEnd(to) ? 'end' : 'open', ...pairs];
    const [what] = await this.run(batchState, batch, [this.keys.batch(batch), this.keys.batchesOpen], args);
    return what === 'ok';
  }

  /** When the batch has ended that was told so much by then: the same for all who ask. ISO 8601. */
  async endsAt(batch: string, after: number): Promise<string> {
    const field = `end.${after}`;
    const now = this.clock().toISOString();
    const isFirst = await ofRedis(() => this.redis.hsetnx(this.keys.batch(batch), field, now));
    return isFirst === 1 ? now : ((await ofRedis(() => this.redis.hget(this.keys.batch(batch), field))) ?? now);
  }

  /** Keeps where the report is. */
  async reported(batch: string, file: Omit<FleetFile, 'at'>): Promise<void> {
    const text = this.texts.sign(places.fleet(batch), { ...file, at: this.clock().toISOString() });
    await this.run(batchReported, batch, [this.keys.batch(batch)], [text]);
  }

  /** Where the report is that a worker has written last. */
  fleet({ id, record }: StoredBatch): Promise<FleetFile | undefined> {
    return this.texts.read(places.fleet(id), fleetSchema, record.fleet, nothing);
  }

  private run(script: Script, batch: string, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    return runScript(this.redis, script, keys, [batch, this.keys.changes(batch), this.keys.batchHints, ...args]);
  }
}

/** Texts that are not believed are left where they are: they show what somebody did. */
const nothing = (): Promise<void> => Promise.resolve();

function broken(batch: string, what: string): TriageError {
  return new TriageError('custody-broken', `batch ${batch} ${what}; it is not gone on with`);
}
