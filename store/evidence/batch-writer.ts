import { TriageError } from '../../playbooks/domain/error.js';
import { type Batch, type BatchOutcome, otherSize } from './batch.js';
import { storeError } from './fs-error.js';
import type { TemporaryFolder } from './temporary-folder.js';
import { writingThread } from './writing-thread.js';

/** A batch with so many files, or bytes, is not waited with any longer. */
const batchFiles = 2_000;
const batchBytes = 4 * 1024 * 1024;

/** After so many milliseconds in which no file came, the ones that are there are a batch. */
const pauseMs = 8;

/** A small file that waits for its batch. */
interface Waiting {
  readonly path: string;
  readonly data: Uint8Array;
  readonly resolve: (existed: boolean) => void;
  readonly reject: (error: TriageError) => void;
}

/**
 * Makes small files of one store durable in batches, in a thread: a file each costs syncs each, and the event loop is needed elsewhere.
 * One file alone goes at once. Of several, those make a batch that come with no pause between them, or while another batch is written.
 */
export class BatchWriter {
  private waiting: Waiting[] = [];
  private bytes = 0;
  private writing = 0;
  private scheduled = false;

  constructor(private readonly temporary: TemporaryFolder) {}

  /** Stores the bytes as `path`. Returns whether the store had them before. */
  add(path: string, data: Uint8Array): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ path, data, resolve, reject });
      this.bytes += data.length;
      if (this.waiting.length >= batchFiles || this.bytes >= batchBytes) this.send();
      else this.schedule();
    });
  }

  /** After what is being done now: who adds one file often adds more. */
  private schedule(): void {
    if (this.scheduled || this.writing > 0) return;
    this.scheduled = true;
    setImmediate(() => (this.waiting.length > 1 ? this.sendAfterPause(this.waiting.length) : this.due()));
  }

  private sendAfterPause(before: number): void {
    setTimeout(() => (this.waiting.length > before ? this.sendAfterPause(this.waiting.length) : this.due()), pauseMs);
  }

  private due(): void {
    this.scheduled = false;
    if (this.waiting.length > 0 && this.writing === 0) this.send();
  }

  private send(): void {
    const files = this.waiting;
    this.waiting = [];
    this.bytes = 0;
    this.writing += 1;
    writingThread.write(batchOf(this.temporary.next(), files)).then(
      (outcomes) => this.settle(files, outcomes),
      (error: unknown) => this.settle(files, error),
    );
  }

  private settle(files: readonly Waiting[], answer: unknown): void {
    this.writing -= 1;
    files.forEach(({ path, resolve, reject }, index) => {
      const outcome = Array.isArray(answer) ? (answer[index] as BatchOutcome | undefined) : undefined;
      if (outcome !== undefined && 'existed' in outcome) resolve(outcome.existed);
      else reject(Array.isArray(answer) ? errorOf(outcome?.error, path) : storeError(answer, 'keep a file'));
    });
    if (this.waiting.length > 0 && this.writing === 0) this.send();
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

function errorOf(error: { readonly code: string; readonly message: string } | undefined, path: string): TriageError {
  if (error?.code === otherSize) return corrupt(path);
  return storeError(Object.assign(new Error(error?.message ?? 'no answer'), { code: error?.code }), 'keep a file');
}

/** The error of a file in the store that cannot be what its name says. */
export function corrupt(path: string): TriageError {
  return new TriageError('store-corrupt', `the store's file ${path} has another size than its name says; restore it from a copy`);
}
