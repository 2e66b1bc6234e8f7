import type { Redis } from 'ioredis';
import type { Act } from '../playbooks/domain/custody.js';
import type { Failure } from '../playbooks/domain/run.js';
import type { CustodyWriter } from './custody.js';
import { type DeliveryPlace, type DeliveryRecord, deliveryId, deliveryRecordSchema } from './delivery-record.js';
import { dueOf } from './due.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { parsed } from './parsed.js';
import type { Queues } from './queues.js';
import { defined } from './run-record.js';
import { deliverEnd, deliverEndNoted, deliverLater, deliverOpen, deliverTry } from './scripts/deliver.js';
import { runScript } from './scripts/script.js';

/** The queue of the jobs that send. */
export const deliveryQueue = 'delivery';

/** What such a job carries. */
export interface DeliveryJob {
  readonly delivery: string;
}

/** A delivery that is to be made. */
export interface NewDelivery extends DeliveryPlace {
  readonly cluster: string;
  readonly namespace: string;
  /** Of a batch: its signed event. */
  readonly event?: string;
}

/** Why an attempt was not taken, as it is shown. */
export interface NotTaken {
  readonly error: Failure;
  readonly status?: number;
}

/** Where deliveries are. */
export interface Outbox {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly queues: Queues;
  readonly clock: () => Date;
}

/** Puts a delivery into the outbox, once however often it is asked for, and has it sent. Returns its id. Throws `redis-unavailable`. */
export async function openDelivery({ redis, keys, queues, clock }: Outbox, { cluster, namespace, event, ...place }: NewDelivery): Promise<string> {
  const id = deliveryId(place);
  const now = clock();
  const { run, batch, endpoint, milestone, version, at } = place;
  const fields = defined({
    ...defined({ run, batch, version: version === undefined ? undefined : String(version), event }),
    ...{ endpoint, milestone, at, cluster, namespace, createdAt: now.toISOString() },
  });
  const indexes = [keys.deliveries('all'), keys.deliveries('pending'), keys.deliveriesOf(run ?? batch ?? ''), keys.delivering];
  const rest = [id, now.getTime(), Object.keys(fields).length, ...Object.entries(fields).flat()];
  const [what] = await runScript(redis, deliverOpen, [keys.delivery(id), ...indexes], rest);
  if (what === 'ok') await queueDelivery(queues, id);
  return id;
}

/** Has a delivery tried now; harmless where it is being tried. Throws `redis-unavailable`. */
export async function queueDelivery(queues: Queues, id: string): Promise<void> {
  const data: DeliveryJob = { delivery: id };
  await ofRedis(() => queues.get(deliveryQueue).add('deliver', data, { jobId: id, removeOnComplete: true, removeOnFail: true }));
  await queues.wake(deliveryQueue, id);
}

/** What is known of a delivery; undefined where there is none. Throws `redis-unavailable`, and `internal` for one that is malformed. */
export async function readDelivery({ redis, keys }: Outbox, id: string): Promise<DeliveryRecord | undefined> {
  const hash = await ofRedis(() => redis.hgetall(keys.delivery(id)));
  return Object.keys(hash).length === 0 ? undefined : parsed(deliveryRecordSchema, hash, `delivery ${id}`);
}

/** The outbox as workers use it. What ends a delivery of a run stands in the run's custody, in the same act. Methods throw `redis-unavailable`. */
export class Deliveries {
  constructor(
    private readonly outbox: Outbox,
    private readonly custody: CustodyWriter,
  ) {}

  open(delivery: NewDelivery): Promise<string> {
    return openDelivery(this.outbox, delivery);
  }

  /** Undefined where there is none. Throws `internal` for one that is malformed. */
  record(id: string): Promise<DeliveryRecord | undefined> {
    return readDelivery(this.outbox, id);
  }

  /** Counts an attempt that is about to be made. Undefined: the delivery has ended. */
  async tries(id: string): Promise<number | undefined> {
    const { redis, keys, clock } = this.outbox;
    const [what, number] = await runScript(redis, deliverTry, [keys.delivery(id)], [clock().toISOString()]);
    return what === 'ok' ? Number(number) : undefined;
  }

  /** An attempt was not taken; the next one is made at `nextAt`, in ms. */
  async later(id: string, nextAt: number, why: NotTaken): Promise<void> {
    const { redis, keys } = this.outbox;
    const fields = fieldsOf(why);
    await runScript(redis, deliverLater, [keys.delivery(id), keys.delivering], [id, nextAt, fields.length / 2, ...fields]);
  }

  /**
   * A delivery has ended; of several who say so, one is heard.
   * @param act what the chain of its run says of it; without one nothing is said
   */
  async end(id: string, state: 'delivered' | 'dead', how: Partial<NotTaken>, noted?: { readonly run: string; readonly act: Act }): Promise<void> {
    const { redis, keys, clock } = this.outbox;
    const fields = [...fieldsOf(how), 'endedAt', clock().toISOString()];
    const all = [keys.delivery(id), keys.delivering, keys.deliveries('pending'), keys.deliveries(state)];
    const rest = [id, state, fields.length / 2, ...fields];
    if (noted !== undefined) {
      const [what] = await this.custody.write(noted.run, [noted.act], { script: deliverEndNoted, keys: all, rest });
      if (what !== 'gone') return;
    }
    await runScript(redis, deliverEnd, all, rest);
  }

  /** Pending deliveries whose time has come at `now`, in ms; the oldest first. */
  due(now: number, limit: number): Promise<readonly string[]> {
    const { redis, keys } = this.outbox;
    return dueOf(redis, keys.delivering, now, limit);
  }

  /** Sends a delivery whose job was lost on its way again to the queue. */
  queue(id: string): Promise<void> {
    return queueDelivery(this.outbox.queues, id);
  }

  /** Takes what names no delivery out of the list of those that are pending. */
  async drop(id: string): Promise<void> {
    const { redis, keys } = this.outbox;
    await ofRedis(() => redis.zrem(keys.delivering, id));
  }

  /** Runs that somebody is to be told of, and that are to be looked at now; those that have waited longest first. */
  telling(now: number, limit: number): Promise<readonly string[]> {
    const { redis, keys } = this.outbox;
    return dueOf(redis, keys.telling, now, limit);
  }

  /** Puts the next look at a run off. */
  async lookAgain(run: string, at: number): Promise<void> {
    const { redis, keys } = this.outbox;
    await ofRedis(() => redis.zadd(keys.telling, 'XX', at, run));
  }

  /** A run of which nothing is left to be told. */
  async forget(run: string): Promise<void> {
    const { redis, keys } = this.outbox;
    await ofRedis(() => redis.zrem(keys.telling, run));
  }
}

function fieldsOf({ error, status }: Partial<NotTaken>): string[] {
  return Object.entries<string>(
    defined({ error: error === undefined ? undefined : JSON.stringify(error), status: status === undefined ? undefined : String(status) }),
  ).flat();
}
