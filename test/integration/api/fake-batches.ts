import { setTimeout as sleep } from 'node:timers/promises';
import { reaches } from '../../../playbooks/domain/access.js';
import type { BatchRequest } from '../../../playbooks/domain/batch.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { namespaceOf } from '../../../playbooks/fleet/select-pods.js';
import type { BatchOffice, BatchPage, BatchReader } from '../../../store/batches-office.js';
import type { Wish } from '../../../store/batches-texts.js';
import type { BatchTargetView, BatchView } from '../../../store/batches-view.js';
import { wishArrows } from '../../../store/batches-wishes.js';
import { at } from './samples.js';

/** Batches in memory, moved on by the test. */
export class FakeBatches implements BatchOffice {
  readonly views = new Map<string, BatchView>();
  readonly pods = new Map<string, readonly BatchTargetView[]>();
  readonly told: { batch: string; wish: Wish; by: string }[] = [];

  open(request: BatchRequest, by: BatchReader, id = 'b0000000000000000000'): Promise<string> {
    this.views.set(id, { id, state: 'expanding', request, requestedBy: by.actor, createdAt: at, round: 1 });
    return Promise.resolve(id);
  }

  get(batch: string, { actor, reach }: BatchReader): Promise<BatchView | undefined> {
    const view = this.views.get(batch);
    if (view === undefined) return Promise.resolve(undefined);
    const { cluster, select } = view.request;
    const isMine = view.requestedBy === actor || reaches(reach, { cluster, namespace: namespaceOf(select) });
    return Promise.resolve(isMine ? view : undefined);
  }

  async list({ limit, state }: Parameters<BatchOffice['list']>[0], reader: BatchReader): Promise<BatchPage<BatchView>> {
    const mine = await Promise.all([...this.views.keys()].map((id) => this.get(id, reader)));
    const items = mine.filter((view) => view !== undefined && (state === undefined || view.state === state)) as BatchView[];
    return { items: items.slice(0, limit) };
  }

  targets(batch: string, { limit, from, state }: Parameters<BatchOffice['targets']>[1]): Promise<BatchPage<BatchTargetView>> {
    const all = (this.pods.get(batch) ?? []).filter((pod) => pod.number >= from && (state === undefined || pod.state === state));
    const next = all[limit];
    return Promise.resolve({ items: all.slice(0, limit), ...(next === undefined ? {} : { next: String(next.number) }) });
  }

  wish(batch: string, wish: Wish, by: string): Promise<boolean> {
    const view = this.views.get(batch);
    const { from, same } = wishArrows[wish];
    const becomes = view === undefined ? undefined : from[view.state];
    if (view === undefined) return Promise.reject(new TriageError('not-found', 'no'));
    if (becomes === undefined && same.includes(view.state)) return Promise.resolve(false);
    if (becomes === undefined)
      return Promise.reject(new TriageError('conflict', `batch ${batch} is ${view.state}; it cannot be told to ${wish} now`));
    this.told.push({ batch, wish, by });
    this.views.set(batch, { ...view, state: becomes });
    return Promise.resolve(true);
  }

  async changed(batch: string, ms: number, signal: AbortSignal): Promise<void> {
    const before = this.views.get(batch);
    for (const end = Date.now() + ms; Date.now() < end && !signal.aborted && this.views.get(batch) === before; ) await sleep(10);
  }
}
