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

/** What became of one file: in the store, or the system error that kept it out. */
export type BatchOutcome = { readonly existed: boolean } | { readonly error: { readonly code: string; readonly message: string } };

/** The code of a file whose place is taken by one of another size. */
export const otherSize = 'OTHER_SIZE';
