import type { BatchState } from '../playbooks/domain/batch.js';
import type { SignedWish, Wish } from './batches-texts.js';

/** In which states a wish is heard, and what the batch is from then on. Where it stands under `same`, there is nothing to do. */
export const wishArrows: Readonly<Record<Wish, { readonly from: Partial<Record<BatchState, BatchState>>; readonly same: readonly BatchState[] }>> = {
  pause: { from: { running: 'paused' }, same: ['paused'] },
  resume: { from: { paused: 'running' }, same: ['running'] },
  cancel: { from: { expanding: 'cancelling', running: 'cancelling', paused: 'cancelling' }, same: ['cancelling', 'cancelled'] },
  retry: { from: { completed: 'running', cancelled: 'running' }, same: [] },
};

/** What all wishes come to. */
export interface Mode {
  readonly mode: 'run' | 'pause' | 'cancel';
  /** How many wishes there are. */
  readonly wishes: number;
  /** Who has had the last one. */
  readonly by?: string;
  /** Number of each retry among the wishes, from 1 -> its time. */
  readonly retries: ReadonlyMap<number, string>;
}

/** What a batch is to do, by the signed wishes alone: what Redis says of its state is not signed. */
export function modeOf(wishes: readonly SignedWish[]): Mode {
  let mode: Mode['mode'] = 'run';
  const retries = new Map<number, string>();
  for (const [index, { wish, at }] of wishes.entries()) {
    if (wish === 'retry') retries.set(index + 1, at);
    if (wish === 'cancel' || wish === 'retry') mode = wish === 'cancel' ? 'cancel' : 'run';
    else if (mode !== 'cancel') mode = wish === 'pause' ? 'pause' : 'run';
  }
  const by = wishes.at(-1)?.by;
  return { mode, wishes: wishes.length, retries, ...(by === undefined ? {} : { by }) };
}
