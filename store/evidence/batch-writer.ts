import { TriageError } from '../../playbooks/domain/error.js';
import { type Batch, type BatchOutcome, otherSize } from './batch.js';
import { storeError } from './fs-error.js';
import type { TemporaryFolder } from './temporary-folder.js';
import { writingThread } from './writing-thread.js';

/** Files in one batch at most. */
const batchFiles = 1_000;

/** A small file that waits for its batch. */
interface Waiting {
  readonly path: string;
  readonly data: Uint8Array;
  readonly resolve: (existed: boolean) => void;
  readonly reject: (error: TriageError) => void;
}

/**
 * Makes small files of one store durable in a thread: a file each costs syncs each, and the event loop is needed elsewhere. What is added in one
 * turn of the event loop is a batch; the thread makes batches durable together that come while it syncs.
 */
export class BatchWriter {
  private waiting: Waiting[] = [];

  constructor(private readonly temporary: TemporaryFolder) {}

  /** Stores the bytes as `path`. Returns whether the store had them before. */
  add(path: string, data: Uint8Array): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const count = this.waiting.push({ path, data, resolve, reject });
      if (count === batchFiles) this.send();
      else if (count === 1) setImmediate(() => this.send());
    });
  }

  private send(): void {
    const files = this.waiting;
    if (files.length === 0) return;
    this.waiting = [];
    writingThread.write(batchOf(this.temporary.next(), files)).then(
      (outcomes) => files.forEach((file, index) => settle(file, outcomes[index])),
      (error: unknown) => files.forEach(({ reject }) => reject(storeError(error, 'keep a file'))),
    );
  }
}

function batchOf(temporary: string, files: readonly Waiting[]): Batch {
  const data = new Uint8Array(files.reduce((sum, file) => sum + file.data.length, 0));
  let offset = 0;
  for (const file of files) {
    data.set(file.data, offset);
    offset += file.data.length;
  }
  return { temporary, paths: files.map(({ path }) => path), sizes: files.map((file) => file.data.length), data };
}

function settle({ path, resolve, reject }: Waiting, outcome: BatchOutcome | undefined): void {
  if (typeof outcome === 'boolean') resolve(outcome);
  else if (outcome?.code === otherSize) reject(corrupt(path));
  else reject(storeError(Object.assign(new Error(outcome?.message ?? 'no answer'), { code: outcome?.code }), 'keep a file'));
}

/** The error of what is in the store under a name that it cannot have. */
export function corrupt(path: string): TriageError {
  return new TriageError('store-corrupt', `the store's file ${path} is no file of the size that its name says; restore it from a copy`);
}
