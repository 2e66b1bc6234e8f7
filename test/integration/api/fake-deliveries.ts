import { TriageError } from '../../../playbooks/domain/error.js';
import type { DeliveryOffice, DeliveryQuery } from '../../../store/delivery-office.js';
import type { DeliveryView } from '../../../store/delivery-record.js';

/** An outbox in memory. */
export class FakeDeliveries implements DeliveryOffice {
  readonly all = new Map<string, DeliveryView>();
  readonly asked: DeliveryQuery[] = [];

  list(query: DeliveryQuery): Promise<{ deliveries: readonly DeliveryView[] }> {
    this.asked.push(query);
    const fits = ({ state, run }: DeliveryView): boolean =>
      (query.state === undefined || state === query.state) && (query.about === undefined || run === query.about);
    return Promise.resolve({ deliveries: [...this.all.values()].filter(fits).slice(0, query.limit) });
  }

  resend(id: string, by: string): Promise<DeliveryView> {
    const found = this.all.get(id);
    if (found === undefined) return Promise.reject(new TriageError('not-found', `there is no delivery ${id}`));
    if (found.state === 'pending') return Promise.reject(new TriageError('conflict', `delivery ${id} is being tried already`));
    const again: DeliveryView = { ...found, state: 'pending', attempts: 0, resentBy: by };
    this.all.set(id, again);
    return Promise.resolve(again);
  }

  tellBatch(): Promise<void> {
    return Promise.resolve();
  }
}
