/** Small files that are made durable together, on their way to the thread that writes them: in few objects, as there may be thousands. */
export interface Batch {
  /** A path in the store that nobody else uses; with a number behind it, what each file is called until its content is on the disk. */
  readonly temporary: string;
  /** Where they go. */
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
  /** Their bytes, one after the other. */
  readonly data: Uint8Array;
}

/** What became of one file: whether the store had it before, or the system error that kept it out. */
export type BatchOutcome = boolean | { readonly code: string; readonly message: string };

/** A batch as the thread gets it, and its answer, which has the same number: a thread may answer late, or be another one by then. */
export interface BatchOrder {
  readonly id: number;
  readonly batch: Batch;
}

/** See {@link BatchOrder}. */
export interface BatchAnswer {
  readonly id: number;
  readonly outcomes: readonly BatchOutcome[];
}

/** The code of a file whose place is taken by one of another size, or by what is no file. */
export const otherSize = 'OTHER_SIZE';
