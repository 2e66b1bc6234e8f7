import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { BatchDispatcher } from '../../api/dispatch/batches.js';
import { namespaceOf } from '../../playbooks/fleet/select-pods.js';
import type { Alert } from '../../store/alert.js';
import { RedisBatches, type StoredBatch } from '../../store/batches.js';
import { BatchJobs } from '../../store/batches-jobs.js';
import { type BatchOffice, RedisBatchOffice } from '../../store/batches-office.js';
import { planBatch } from '../../store/batches-plan.js';
import { BatchTargets } from '../../store/batches-targets.js';
import type { ChangeFeed } from '../../store/change-feed.js';
import type { DeliveryOffice } from '../../store/delivery-office.js';
import type { Keys } from '../../store/keys.js';
import type { Queues } from '../../store/queues.js';
import { defined } from '../../store/run-record.js';
import type { RunCommander } from '../../store/run-view.js';
import type { SignedTexts } from '../../store/signed-text.js';

/** What batches share with the rest of the API. */
export interface BatchSurroundings {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly texts: SignedTexts;
  readonly feed: ChangeFeed;
  readonly queues: Queues;
  readonly commander: RunCommander;
  readonly deliveries: Pick<DeliveryOffice, 'tellBatch'>;
  readonly alert: Alert;
  readonly log: Logger;
}

/** Batches: what the API shows of them, and what opens their runs. */
export function openBatches(around: BatchSurroundings): { readonly office: BatchOffice; readonly dispatcher: BatchDispatcher } {
  const { redis, keys, texts, feed, queues, commander, deliveries, alert, log } = around;
  const office = new RedisBatchOffice({ redis, keys, texts, feed });
  const targets = new BatchTargets(redis, keys);
  const deps = {
    batches: new RedisBatches(redis, keys, texts),
    targets,
    jobs: new BatchJobs(queues),
    commander,
    plan: (...[request, pods]: [Parameters<typeof planBatch>[1], Parameters<typeof planBatch>[2]]) =>
      planBatch({ redis, keys, queues, targets }, request, pods),
    tell: (...[batch, state, at]: Parameters<ReturnType<typeof teller>>) => teller(office, deliveries)(batch, state, at),
    alert,
    logger: log,
    clock: () => new Date(),
  };
  return { office, dispatcher: new BatchDispatcher(deps, feed, keys) };
}

/** Tells the endpoints that a batch has named. */
function teller(office: BatchOffice, deliveries: Pick<DeliveryOffice, 'tellBatch'>) {
  return async ({ id, order }: StoredBatch, state: StoredBatch['record']['state'], at: string): Promise<void> => {
    const { cluster, caseId, notify = [], select } = order.request;
    if (notify.length === 0) return;
    const counts = (await office.get(id, { actor: order.requestedBy, reach: 'all' }))?.counts ?? {};
    const batch = `/api/v1/batches/${id}`;
    const event = { id, state, cluster, ...defined({ caseId }), counts, links: { batch, report: `${batch}/report` } };
    await deliveries.tellBatch({ notify, event, at, namespace: namespaceOf(select) });
  };
}
