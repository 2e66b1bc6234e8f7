import type { Redis } from 'ioredis';
import { type Reach, reaches } from '../playbooks/domain/access.js';
import type { BatchRequest, BatchState, BatchTargetState } from '../playbooks/domain/batch.js';
import { TriageError } from '../playbooks/domain/error.js';
import { namespaceOf } from '../playbooks/fleet/select-pods.js';
import type { BatchTarget } from '../playbooks/fleet/target.js';
import { isBatchEnd, RedisBatches, type StoredBatch } from './batches.js';
import { isBatchId, newBatchId } from './batches-ids.js';
import { BatchTargets } from './batches-targets.js';
import { podsPerPage, type Round, type Wish } from './batches-texts.js';
import type { BatchTargetView, BatchView, TargetStanding } from './batches-view.js';
import type { ChangeFeed } from './change-feed.js';
import type { Keys } from './keys.js';
import { defined } from './run-record.js';
import type { SignedTexts } from './signed-text.js';
import { untilChanged } from './until-changed.js';

/** Who asks: he sees batches of which he may look at every pod; while there is none, those that he has asked for, or that look only where he may. */
export interface BatchReader {
  readonly actor: string;
  readonly reach: Reach;
}

/** A page of a list, and where the next one begins. */
export interface BatchPage<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** Batches for people: what the API shows and takes. Methods throw `redis-unavailable`. */
export interface BatchOffice {
  /** Opens a batch and returns its id. One of `id` that there is already is left as it is. */
  open(request: BatchRequest, by: BatchReader, id?: string): Promise<string>;
  /** Undefined where there is none that he may see. */
  get(batch: string, reader: BatchReader): Promise<BatchView | undefined>;
  /** Newest first. Throws `invalid-request` for a cursor that this list has not given. */
  list(page: { readonly limit: number; readonly cursor?: string; readonly state?: BatchState }, reader: BatchReader): Promise<BatchPage<BatchView>>;
  /** In the order in which they were found. */
  targets(
    batch: string,
    page: { readonly limit: number; readonly from: number; readonly state?: BatchTargetState },
  ): Promise<BatchPage<BatchTargetView>>;
  /** Returns false where it is that already. Throws `not-found` and `conflict`. */
  wish(batch: string, wish: Wish, by: string): Promise<boolean>;
  /** Resolves when something about the batch has changed since the call, or after `ms`. */
  changed(batch: string, ms: number, signal: AbortSignal): Promise<void>;
}

/** Batches that one page of a filtered list looks at. */
const maxScan = 500;
/** Requests can name their pods one by one: with so many the page is full. */
const maxNamed = 20_000;

/** What it works with. */
export interface OfficeDeps {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly texts: SignedTexts;
  readonly feed: ChangeFeed;
  readonly clock?: () => Date;
}

/** In Redis. */
export class RedisBatchOffice implements BatchOffice {
  private readonly batches: RedisBatches;
  private readonly standing: BatchTargets;

  constructor(private readonly deps: OfficeDeps) {
    this.batches = new RedisBatches(deps.redis, deps.keys, deps.texts, deps.clock);
    this.standing = new BatchTargets(deps.redis, deps.keys);
  }

  async open(request: BatchRequest, { actor, reach }: BatchReader, id = newBatchId(this.now())): Promise<string> {
    await this.batches.open(id, { request, requestedBy: actor, reach });
    return id;
  }

  async get(batch: string, reader: BatchReader): Promise<BatchView | undefined> {
    const stored = isBatchId(batch) ? await this.batches.get(batch) : undefined;
    if (stored === undefined) return undefined;
    const rounds = await this.rounds(stored);
    return maySee(stored, rounds, reader) ? this.view(stored, rounds) : undefined;
  }

  async list({ limit, cursor, state }: Parameters<BatchOffice['list']>[0], reader: BatchReader): Promise<BatchPage<BatchView>> {
    const items: BatchView[] = [];
    let named = 0;
    let before = cursor;
    if (before !== undefined && !isBatchId(before)) throw new TriageError('invalid-request', 'the cursor is not one that this list has given');
    for (let scanned = 0; scanned < maxScan; ) {
      const ids = await this.batches.ids(limit, before);
      for (const id of ids) {
        if (items.length === limit || named >= maxNamed) return { items, ...defined({ next: before }) };
        const view = await this.get(id, reader);
        before = id;
        if (view === undefined || (state !== undefined && view.state !== state)) continue;
        items.push(view);
        if ('targets' in view.request.select) named += view.request.select.targets.length;
      }
      if (ids.length < limit) return { items };
      scanned += ids.length;
    }
    return { items, ...defined({ next: before }) };
  }

  async targets(batch: string, { limit, from, state }: Parameters<BatchOffice['targets']>[1]): Promise<BatchPage<BatchTargetView>> {
    const stored = await this.batches.get(batch);
    if (stored === undefined) throw new TriageError('not-found', `there is no batch ${batch}`);
    const standings = await this.standing.standings(batch);
    const isOver = wontBeRun(stored.record.state);
    const items: BatchTargetView[] = [];
    let number = 0;
    for (const [at, round] of (await this.rounds(stored)).entries())
      for (let page = 0; page < round.pages; page += 1) {
        const first = number;
        number = Math.min(first + podsPerPage, first + round.count - page * podsPerPage);
        if (number <= from) continue;
        for (const [index, target] of (await this.batches.page(batch, at + 1, page)).entries()) {
          const each = targetView(first + index, target, standings.get(first + index) ?? { state: isOver ? 'cancelled' : 'pending', retry: 0 });
          if (each.number < from || (state !== undefined && each.state !== state)) continue;
          if (items.length === limit) return { items, next: String(each.number) };
          items.push(each);
        }
      }
    return { items };
  }

  wish(batch: string, wish: Wish, by: string): Promise<boolean> {
    return this.batches.wish(batch, wish, by);
  }

  changed(batch: string, ms: number, signal: AbortSignal): Promise<void> {
    const { redis, keys, feed } = this.deps;
    return untilChanged(redis, feed, { key: keys.batch(batch), channel: keys.changes(batch) }, ms, signal);
  }

  private async view(stored: StoredBatch, rounds: readonly Round[]): Promise<BatchView> {
    const { id, order, record } = stored;
    const { state, round, startedAt, finishedAt, plan, error } = record;
    const counted = rounds.length === 0 || error !== undefined ? undefined : await this.counted(stored, rounds);
    const report = await this.batches.fleet(stored);
    const leftOut = rounds.reduce((sum, { left }) => Math.max(sum, left), 0);
    return {
      id,
      state,
      request: order.request,
      requestedBy: order.requestedBy,
      createdAt: order.createdAt,
      round,
      ...counted,
      ...(leftOut === 0 ? {} : { leftOut }),
      ...(report === undefined ? {} : { report: { sha256: report.sha256, at: report.at } }),
      ...defined({ startedAt, finishedAt, plan, error: error ?? laterError(rounds) }),
    };
  }

  private async counted({ id, order, record }: StoredBatch, rounds: readonly Round[]): Promise<Pick<BatchView, 'counts' | 'eta'>> {
    const { states, meanMs } = await this.standing.counts(id);
    const total = rounds.reduce((sum, { count }) => sum + count, 0);
    const known = [...states].reduce((sum, [, count]) => sum + count, 0);
    const waiting = Math.max(0, total - known);
    const of = (state: BatchTargetState): number => states.get(state) ?? 0;
    const isOver = wontBeRun(record.state);
    const counts = {
      pending: isOver ? 0 : waiting,
      running: of('running'),
      completed: of('completed'),
      failed: of('failed'),
      cancelled: of('cancelled') + (isOver ? waiting : 0),
      gone: of('gone'),
      foreign: rounds.reduce((most, { foreign }) => Math.max(most, foreign), 0),
    };
    const left = counts.pending + counts.running;
    if (isBatchEnd(record.state) || record.state === 'paused' || meanMs === undefined || left === 0) return { counts };
    const { total: most, perNode } = order.request.concurrency;
    const atOnce = Math.max(1, Math.min(most, perNode * (record.nodes ?? 1)));
    return { counts, eta: new Date(this.now().getTime() + Math.ceil(left / atOnce) * meanMs).toISOString() };
  }

  private async rounds({ id, record }: StoredBatch): Promise<readonly Round[]> {
    const found: Round[] = [];
    for (let round = 1; round <= record.round; round += 1) {
      const each = await this.batches.round(id, round);
      if (each === undefined) break;
      found.push(each);
    }
    return found;
  }

  private now(): Date {
    return (this.deps.clock ?? ((): Date => new Date()))();
  }
}

function targetView(number: number, target: BatchTarget, standing: TargetStanding): BatchTargetView {
  const { namespace, pod, container, uid, node, owner } = target;
  const { state, run, retryOf, error, verdict, completeness } = standing;
  return { number, namespace, pod, ...defined({ container, uid, node, owner }), state, ...defined({ run, retryOf, error, verdict, completeness }) };
}

/** Why it is not known which pods have come while the batch ran. */
function laterError(rounds: readonly Round[]): BatchView['error'] {
  const error = rounds.find((round) => round.error !== undefined)?.error;
  return error === undefined ? undefined : { ...error, message: `pods that have come while it ran could not be listed: ${error.message}` };
}

/** Whether pods that have no run will get none. */
function wontBeRun(state: BatchState): boolean {
  return state === 'cancelling' || state === 'cancelled';
}

function maySee({ order }: StoredBatch, rounds: readonly Round[], { actor, reach }: BatchReader): boolean {
  if (reach === 'all') return true;
  const { cluster, select } = order.request;
  const found = rounds.flatMap(({ namespaces }) => namespaces);
  // What he may look at can be less than when he asked; of a batch without pods there is only the request to see.
  if (found.length === 0) return order.requestedBy === actor || reaches(reach, { cluster, namespace: namespaceOf(select) });
  return found.every((namespace) => reaches(reach, { cluster, namespace }));
}
