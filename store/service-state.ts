import type { Redis } from 'ioredis';
import { type DeliveryState, deliveryStates } from './delivery-record.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { queueNames } from './queue-names.js';
import { type QueueState, queueStates } from './queue-states.js';
import type { LedgerState } from './quota.js';
import { quotaStates } from './quota-keys.js';
import { countRuns, type RunCounts } from './run-counts.js';

/** What Redis knows of the whole installation, whichever process has done it. */
export interface ServiceState {
  readonly runs: RunCounts;
  readonly queues: readonly QueueState[];
  /** Of each key of the intelligence source. */
  readonly quota: readonly LedgerState[];
  /** How many there are in each state. */
  readonly deliveries: ReadonlyMap<DeliveryState, number>;
}

/** Says how the installation stands, at a bounded cost. Throws `redis-unavailable`. */
export async function serviceState(redis: Redis, keys: Keys, clusters: readonly string[]): Promise<ServiceState> {
  const [runs, queues, { states }, deliveries] = await Promise.all([
    countRuns(redis, keys),
    queueStates(redis, keys, queueNames(clusters)),
    quotaStates(redis, keys),
    ofRedis(() => Promise.all(deliveryStates.map(async (state) => [state, await redis.zcard(keys.deliveries(state))] as const))),
  ]);
  return { runs, queues, quota: states, deliveries: new Map(deliveries) };
}
