import { createHash } from 'node:crypto';
import { z } from 'zod';
import { configNameSchema } from '../playbooks/domain/config-name.js';
import { milestones } from '../playbooks/domain/delivery.js';
import { failureSchema } from '../playbooks/domain/run.js';
import { jsonOf } from './parsed.js';
import { firstIdOf } from './run-id.js';
import { defined } from './run-record.js';

/** `pending`: it is tried until it is taken. `delivered`: the endpoint has taken it. `dead`: nobody tries any more, unless it is sent again. */
export const deliveryStates = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

const count = z.coerce.number().pipe(z.int().nonnegative());
const time = z.iso.datetime();

/** What is told to whom: it makes the delivery's id. */
export const deliveryPlaceSchema = z.object({
  /** What it tells of: a run, or a batch. */
  run: z.string().optional(),
  batch: z.string().optional(),
  endpoint: configNameSchema,
  milestone: z.enum(milestones),
  /** Of the report, where it was amended. */
  version: z.coerce.number().pipe(z.int().positive()).optional(),
  /** When the milestone was reached. */
  at: time,
});
export type DeliveryPlace = z.output<typeof deliveryPlaceSchema>;

/** The HASH of a delivery. Of what it says nothing is signed but the two texts of the API: whoever acts upon it asks custody. */
export const deliveryRecordSchema = deliveryPlaceSchema.extend({
  state: z.enum(deliveryStates),
  cluster: z.string(),
  namespace: z.string(),
  createdAt: time,
  /** From when its time to be taken counts, in ms. */
  since: count,
  attempts: count.default(0),
  triedAt: time.optional(),
  /** In ms. */
  nextAt: count.optional(),
  endedAt: time.optional(),
  /** Why the last attempt was not taken, and the status of the answer. */
  error: jsonOf(failureSchema).optional(),
  status: count.optional(),
  /** How often it has been delivered or given up. */
  ends: count.default(0),
  /** Of a batch: its event, as the API has signed it. */
  event: z.string().optional(),
  /** That it is to be sent again, as the API has signed it. */
  wish: z.string().optional(),
  resentBy: z.string().optional(),
});
export type DeliveryRecord = z.output<typeof deliveryRecordSchema>;

/** A delivery as API and CLI show it. Times are ISO 8601. */
export interface DeliveryView extends Pick<DeliveryRecord, 'run' | 'batch' | 'endpoint' | 'milestone' | 'version' | 'at' | 'state' | 'attempts'> {
  readonly id: string;
  readonly createdAt: string;
  readonly triedAt?: string;
  readonly nextAt?: string;
  readonly deliveredAt?: string;
  readonly diedAt?: string;
  readonly lastStatus?: number;
  readonly lastError?: z.output<typeof failureSchema>;
  readonly resentBy?: string;
}

/** `d`, 9 characters of the milestone's time, 24 hex digits: the same whoever makes it. Sorts by time, and is a legal part of a BullMQ job id. */
export function deliveryId({ run, batch, endpoint, milestone, version, at }: DeliveryPlace): string {
  const parts = JSON.stringify([run ?? '', batch ?? '', endpoint, milestone, version ?? 0, at]);
  return `d${firstIdOf(Date.parse(at)).slice(1)}${createHash('sha256').update(parts).digest('hex').slice(0, 24)}`;
}

/** The delivery as API and CLI show it. */
export function deliveryView(id: string, record: DeliveryRecord): DeliveryView {
  const { endpoint, milestone, at, state, attempts, createdAt, nextAt, endedAt } = record;
  return {
    id,
    ...defined({ run: record.run, batch: record.batch, version: record.version }),
    endpoint,
    milestone,
    at,
    state,
    attempts,
    createdAt,
    ...defined({
      triedAt: record.triedAt,
      nextAt: state === 'pending' && nextAt !== undefined ? new Date(nextAt).toISOString() : undefined,
      deliveredAt: state === 'delivered' ? endedAt : undefined,
      diedAt: state === 'dead' ? endedAt : undefined,
      lastStatus: record.status,
      lastError: state === 'delivered' ? undefined : record.error,
      resentBy: record.resentBy,
    }),
  };
}
