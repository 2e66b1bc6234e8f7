/** Small evidence on its way to the thread that writes it: where it goes, and where its bytes are in the batch's data. */
export interface BatchItem {
  /** A name that nobody else uses, for the time until its content is on the disk. */
  readonly temporary: string;
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** Files that are made durable together. */
export interface Batch {
  readonly items: readonly BatchItem[];
  readonly data: Uint8Array;
}

/** What became of one item: in the store, or the system error that kept it out. */
export type BatchOutcome = { readonly existed: boolean } | { readonly error: { readonly code: string; readonly message: string } };

/** The code of an item whose place is taken by a file of another size. */
export const otherSize = 'OTHER_SIZE';
