import { z } from 'zod';
import { type EndpointConfig, isTold } from '../playbooks/delivery/endpoints.js';
import type { BatchEvent } from '../playbooks/delivery/event.js';
import type { Reach } from '../playbooks/domain/access.js';
import { reaches } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';
import { type Outbox, openDelivery, queueDelivery, readDelivery } from './deliveries.js';
import { type DeliveryState, type DeliveryView, deliveryId, deliveryView } from './delivery-record.js';
import { idOfCursor, idPage } from './id-page.js';
import { defined } from './run-record.js';
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

const idForm = /^d[0-9a-z]{1,60}$/;

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
    const { rows, next } = await idPage(redis, {
      key: index,
      newest: cursor === undefined ? '+' : `(${idOfCursor(cursor, idForm)}`,
      oldest: '-',
      limit,
      read: (id) => readDelivery(this.outbox, id),
      fits: (record) => reaches(reach, record) && (state === undefined || record.state === state),
      row: deliveryView,
    });
    return { deliveries: rows, ...defined({ next }) };
  }

  async resend(id: string, by: string, reach: Reach): Promise<DeliveryView> {
    const { redis, keys, queues, clock } = this.outbox;
    const record = await readDelivery(this.outbox, id);
    if (record === undefined || !reaches(reach, record))
      throw new TriageError('not-found', `there is no delivery ${id}; GET /api/v1/deliveries lists them`);
    const wish = this.texts.sign({ purpose: 'delivery-wish', about: id }, { ends: record.ends });
    const fields = ['wish', wish, 'resentBy', by];
    const all = [keys.delivery(id), keys.delivering, ...(['pending', 'delivered', 'dead'] as const).map((state) => keys.deliveries(state))];
    const [what] = await runScript(redis, deliverAgain, all, [id, clock().getTime(), fields.length / 2, ...fields]);
    if (what !== 'ok') throw new TriageError('conflict', `delivery ${id} is being tried already; GET /api/v1/deliveries says when next`);
    await queueDelivery(queues, id);
    return deliveryView(id, (await readDelivery(this.outbox, id)) ?? record);
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
}
