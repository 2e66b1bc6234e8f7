import { Worker } from 'node:worker_threads';
import type { Batch, BatchAnswer, BatchOrder, BatchOutcome } from './batch.js';
import { storeError } from './fs-error.js';

interface Sent {
  readonly resolve: (outcomes: readonly BatchOutcome[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The thread that writes small files (batch-thread.ts), started when there is something to write, and once more where it was lost. It does not
 * keep the process alive unless something waits for it.
 */
export class WritingThread {
  private readonly sent = new Map<number, Sent>();
  private thread: Worker | undefined;
  private batches = 0;

  /** @param open starts a thread */
  constructor(private readonly open: () => Worker) {}

  /** Takes the batch's data away from the caller. Throws `store-unwritable` when the thread was lost, or what kept it from starting. */
  write(batch: Batch): Promise<readonly BatchOutcome[]> {
    return new Promise((resolve, reject) => {
      const thread = (this.thread ??= this.start());
      this.batches += 1;
      const order: BatchOrder = { id: this.batches, batch };
      thread.postMessage(order, [batch.data.buffer as ArrayBuffer]);
      this.sent.set(order.id, { resolve, reject });
      thread.ref();
    });
  }

  private start(): Worker {
    const thread = this.open();
    thread.on('message', ({ id, outcomes }: BatchAnswer) => {
      this.sent.get(id)?.resolve(outcomes);
      this.sent.delete(id);
      if (this.sent.size === 0) thread.unref();
    });
    const lost = (error: unknown): void => {
      if (this.thread !== thread) return;
      this.thread = undefined;
      for (const { reject } of this.sent.values()) reject(storeError(error, 'run the thread that writes'));
      this.sent.clear();
    };
    thread.on('error', lost);
    thread.on('exit', (code) => lost(new Error(`it ended with status ${code}`)));
    return thread;
  }
}

/** One for all stores of the process: a thread takes a while to start, and has nothing to keep between two batches. */
export const writingThread = new WritingThread(openThread);

/** From source (tests, benches) a thread has to be told of the loader first: Node 20 does not pass it on. */
function openThread(): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  const script = new URL(`./batch-thread.${isSource ? 'ts' : 'js'}`, import.meta.url);
  if (!isSource) return new Worker(script);
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(script.href)}); })`;
  return new Worker(load, { eval: true });
}
