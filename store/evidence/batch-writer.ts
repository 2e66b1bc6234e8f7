import { Worker } from 'node:worker_threads';
import { TriageError } from '../../playbooks/domain/error.js';
import { type Batch, type BatchOutcome, otherSize } from './batch.js';
import { storeError } from './fs-error.js';

/** Files in one batch at most. */
const batchFiles = 4_096;

/** A small file that waits for its batch. */
interface Waiting {
  readonly temporary: string;
  readonly path: string;
  readonly data: Uint8Array;
  readonly resolve: (existed: boolean) => void;
  readonly reject: (error: TriageError) => void;
}

/**
 * Makes small files durable in batches, in a thread of its own: a file each costs an fsync each, and the event loop is needed elsewhere.
 * What comes while a batch is written is the next batch. The thread does not keep the process alive unless something waits for it.
 */
export class BatchWriter {
  private waiting: Waiting[] = [];
  private batch: readonly Waiting[] = [];
  private thread: Worker | undefined;
  private scheduled = false;

  /** Stores the bytes as `path`. Returns whether the store had them before. */
  add(temporary: string, path: string, data: Uint8Array): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ temporary, path, data, resolve, reject });
      this.schedule();
    });
  }

  /** After what is being done now: who adds one file often adds more. */
  private schedule(): void {
    if (this.scheduled || this.batch.length > 0 || this.waiting.length === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.send();
    });
  }

  private send(): void {
    this.batch = this.waiting.splice(0, batchFiles);
    const thread = (this.thread ??= this.start());
    thread.ref();
    const message = batchOf(this.batch);
    thread.postMessage(message, [message.data.buffer as ArrayBuffer]);
  }

  private start(): Worker {
    const thread = openThread();
    thread.on('message', (outcomes: readonly BatchOutcome[]) => {
      thread.unref();
      this.settle(({ path, resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome !== undefined && 'existed' in outcome) resolve(outcome.existed);
        else reject(errorOf(outcome?.error, path));
      });
    });
    const lost = (error: unknown): void => {
      this.thread = undefined;
      this.settle(({ reject }) => reject(storeError(error, 'run the thread that writes')));
    };
    thread.on('error', lost);
    thread.on('exit', (code) => {
      if (this.thread === thread) lost(new Error(`it ended with status ${code}`));
    });
    return thread;
  }

  private settle(each: (file: Waiting, index: number) => void): void {
    const { batch } = this;
    this.batch = [];
    batch.forEach(each);
    this.schedule();
  }
}

/** From source (tests, benches) a thread has to be told of the loader first: Node 20 does not pass it on. */
function openThread(): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  const script = new URL(`./batch-thread.${isSource ? 'ts' : 'js'}`, import.meta.url);
  if (!isSource) return new Worker(script);
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(script.href)}); })`;
  return new Worker(load, { eval: true });
}

function batchOf(files: readonly Waiting[]): Batch {
  const data = new Uint8Array(files.reduce((sum, file) => sum + file.data.length, 0));
  let offset = 0;
  const items = files.map(({ temporary, path, data: { length: size }, data: bytes }) => {
    data.set(bytes, offset);
    const item = { temporary, path, offset, size };
    offset += size;
    return item;
  });
  return { items, data };
}

function errorOf(error: { readonly code: string; readonly message: string } | undefined, path: string): TriageError {
  if (error?.code === otherSize) return corrupt(path);
  return storeError(Object.assign(new Error(error?.message ?? 'no answer'), { code: error?.code }), 'keep a file');
}

/** The error of a file in the store that cannot be what its name says. */
export function corrupt(path: string): TriageError {
  return new TriageError('store-corrupt', `the store's file ${path} has another size than its name says; restore it from a copy`);
}
