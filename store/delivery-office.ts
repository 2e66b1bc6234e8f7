import { z } from 'zod';
import { type EndpointConfig, isTold } from '../playbooks/delivery/endpoints.js';
import type { BatchEvent } from '../playbooks/delivery/event.js';
import type { Reach } from '../playbooks/domain/access.js';
import { reaches } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';
import { type Outbox, openDelivery, queueDelivery } from './deliveries.js';
import { type DeliveryRecord, type DeliveryState, type DeliveryView, deliveryId, deliveryRecordSchema, deliveryView } from './delivery-record.js';
import { ofRedis } from './of-redis.js';
import { parsed } from './parsed.js';
import { deliverAgain } from './scripts/deliver.js';
import { runScript } from './scripts/script.js';
import type { SignedTexts } from './signed-text.js';

/** Which deliveries are listed: those that fit every field. */
export interface DeliveryQuery {
  /** Of who asks: what he does not reach is not there. */
  readonly reach: Reach;
  readonly state?: DeliveryState;
  /** A run or a batch. */
  readonly about?: string;
  readonly limit: number;
  /** Opaque, from the page before. */
  readonly cursor?: string;
}

/** A batch that has ended, as its endpoints are told. */
export interface BatchTold {
  /** Names of endpoints, from the batch's request. */
  readonly notify: readonly string[];
  readonly event: BatchEvent;
  /** When it ended. ISO 8601; the same each time that it is told. */
  readonly at: string;
  /** The namespace that all of it is in; `*`: more than one. */
  readonly namespace: string;
}

/** What the API does about deliveries. Methods throw `redis-unavailable`. */
export interface DeliveryOffice {
  /** Newest first, by the time of the milestone. A page can have fewer rows than `limit` and a `next` all the same. Throws `invalid-request`. */
  list(query: DeliveryQuery): Promise<{ readonly deliveries: readonly DeliveryView[]; readonly next?: string }>;
  /** Has one that has ended sent again. Throws `not-found`, also for one out of reach, and `conflict` for one that is pending. */
  resend(id: string, by: string, reach: Reach): Promise<DeliveryView>;
  /** Tells the endpoints of a batch that it has ended: each once, however often this is called. */
  tellBatch(told: BatchTold): Promise<void>;
}

/** What the API has signed of a delivery that is to be sent again: how often it had ended before. */
export const deliveryWishSchema = z.object({ ends: z.int().nonnegative() });

/** How many deliveries one page looks at, and how many of them at once. */
const maxScan = 1_000;
const chunk = 100;

/** Deliveries in Redis, as the API sees them. It signs what workers must not take from anybody: wishes to send again, events of batches. */
export class RedisDeliveryOffice implements DeliveryOffice {
  constructor(
    private readonly outbox: Outbox,
    private readonly texts: SignedTexts,
    private readonly endpoints: readonly Pick<EndpointConfig, 'name' | 'milestones' | 'reach'>[],
  ) {}

  async list({ reach, state, about, limit, cursor }: DeliveryQuery): Promise<{ deliveries: readonly DeliveryView[]; next?: string }> {
    const { redis, keys } = this.outbox;
    const index = about === undefined ? keys.deliveries(state ?? 'all') : keys.deliveriesOf(about);
    const rows: DeliveryView[] = [];
    let before = cursor === undefined ? '+' : `(${idOf(cursor)}`;
    for (let scanned = 0; scanned < maxScan; scanned += chunk) {
      const ids = await ofRedis(() => redis.zrange(index, before, '-', 'BYLEX', 'REV', 'LIMIT', 0, chunk));
      const records = await Promise.all(ids.map((id) => this.record(id)));
      for (const [at, id] of ids.entries()) {
        const record = records[at];
        if (record !== undefined && reaches(reach, record) && (state === undefined || record.state === state)) {
          const shown = rows.at(-1);
          // Where it goes on: not at the one that was looked at last, as the caller may not reach that one.
          if (shown !== undefined && rows.length === limit) return { deliveries: rows, next: cursorOf(`(${shown.id}`) };
          rows.push(deliveryView(id, record));
        }
        before = `(${id}`;
      }
      if (ids.length < chunk) return { deliveries: rows };
    }
    return { deliveries: rows, next: cursorOf(before) };
  }

  async resend(id: string, by: string, reach: Reach): Promise<DeliveryView> {
    const { redis, keys, queues, clock } = this.outbox;
    const record = await this.record(id);
    if (record === undefined || !reaches(reach, record))
      throw new TriageError('not-found', `there is no delivery ${id}; GET /api/v1/deliveries lists them`);
    const wish = this.texts.sign({ purpose: 'delivery-wish', about: id }, { ends: record.ends });
    const fields = ['wish', wish, 'resentBy', by];
    const all = [keys.delivery(id), keys.delivering, ...(['pending', 'delivered', 'dead'] as const).map((state) => keys.deliveries(state))];
    const [what] = await runScript(redis, deliverAgain, all, [id, clock().getTime(), fields.length / 2, ...fields]);
    if (what !== 'ok') throw new TriageError('conflict', `delivery ${id} is being tried already; GET /api/v1/deliveries says when next`);
    await queueDelivery(queues, id);
    return deliveryView(id, (await this.record(id)) ?? record);
  }

  async tellBatch({ notify, event, at, namespace }: BatchTold): Promise<void> {
    const { id: batch, cluster } = event;
    const place = { cluster, namespace };
    for (const endpoint of new Set(notify)) {
      const known = this.endpoints.find(({ name }) => name === endpoint);
      if (known !== undefined && !isTold(known, 'batch.finished', place)) continue;
      const what = { batch, endpoint, milestone: 'batch.finished', at } as const;
      const signed = this.texts.sign({ purpose: 'delivery-event', about: deliveryId(what) }, event);
      await openDelivery(this.outbox, { ...what, ...place, event: signed });
    }
  }

  private async record(id: string): Promise<DeliveryRecord | undefined> {
    const { redis, keys } = this.outbox;
    const hash = await ofRedis(() => redis.hgetall(keys.delivery(id)));
    return Object.keys(hash).length === 0 ? undefined : parsed(deliveryRecordSchema, hash, `delivery ${id}`);
  }
}

function cursorOf(before: string): string {
  return Buffer.from(before.slice(1)).toString('base64url');
}

function idOf(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!/^d[0-9a-z]{1,60}$/.test(id)) throw new TriageError('invalid-request', 'the cursor is not one that this list has given');
  return id;
}
