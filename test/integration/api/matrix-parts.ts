import { pino } from 'pino';
import type { ApiDeps } from '../../../api/deps.js';
import { IntakeDesk } from '../../../api/intake/desk.js';
import { reaches } from '../../../playbooks/domain/access.js';
import { batchRequestSchema } from '../../../playbooks/domain/batch.js';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import type { DeliveryQuery } from '../../../store/delivery-office.js';
import type { DeliveryView } from '../../../store/delivery-record.js';
import type { LeftAlerts } from '../../../store/triggers.js';
import { FakeBatches } from './fake-batches.js';
import { FakeDeliveries } from './fake-deliveries.js';
import { at } from './samples.js';

/** Deliveries in memory that know of which namespace they are. */
class ReachedDeliveries extends FakeDeliveries {
  readonly namespaces = new Map<string, string>();

  override async list(query: DeliveryQuery): Promise<{ deliveries: readonly DeliveryView[] }> {
    const { deliveries } = await super.list(query);
    return { deliveries: deliveries.filter(({ id }) => reaches(query.reach, { cluster: 'default', namespace: this.namespaces.get(id) ?? '' })) };
  }
}

/** What stands behind the parts of the door that have a port of their own. */
export class MatrixParts {
  readonly batches = new FakeBatches();
  readonly deliveries = new ReachedDeliveries();
  readonly left: LeftAlerts[] = [];
  #count = 0;

  /** For `openDoor`. */
  overrides(): Partial<ApiDeps> {
    const config = parseIntakes('intakes.yaml', 'rules: [{ name: all }]');
    const triggers = { take: () => Promise.resolve({ outcome: 'opened', run: 'r1' } as const) };
    const containers = { ask: () => Promise.resolve(), podOf: () => Promise.resolve(undefined) };
    const desk = new IntakeDesk({
      ...{ rules: config.rules, clusters: ['default'], triggers, containers },
      log: pino({ level: 'silent' }),
      storeTimeoutMs: 1_000,
    });
    return {
      batches: this.batches,
      deliveries: this.deliveries,
      intake: { config, desk, secrets: new Map(), left: () => Promise.resolve(this.left) },
    };
  }

  /** A batch of a namespace, and who has asked for it. */
  batch(namespace: string, state: 'running' | 'paused' | 'completed', report?: string): string {
    const id = `b${String((this.#count += 1)).padStart(19, '0')}`;
    const request = batchRequestSchema.parse({ select: { where: { namespace } } });
    const written = report === undefined ? {} : { report: { sha256: report, at } };
    this.batches.views.set(id, { id, state, request, requestedBy: 'key:test', createdAt: at, round: 1, ...written });
    return id;
  }

  /** A delivery about a run of a namespace that nobody tries any more. */
  delivery(namespace: string, run: string): string {
    const id = `d${String((this.#count += 1)).padStart(33, '0')}`;
    const view = { id, run, endpoint: 'soar', milestone: 'verdict.ready', at, state: 'dead', attempts: 3, createdAt: at, diedAt: at } as const;
    this.deliveries.all.set(id, view);
    this.deliveries.namespaces.set(id, namespace);
    return id;
  }
}
