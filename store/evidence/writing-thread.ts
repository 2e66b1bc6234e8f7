import { Worker } from 'node:worker_threads';
import type { Batch, BatchOutcome } from './batch.js';
import { storeError } from './fs-error.js';

interface Sent {
  readonly resolve: (outcomes: readonly BatchOutcome[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The thread that writes small files (batch-thread.ts), started when there is something to write, and once more where it was lost. It takes
 * batches in their order, and does not keep the process alive unless something waits for it.
 */
class WritingThread {
  private readonly sent: Sent[] = [];
  private thread: Worker | undefined;

  /** Takes the batch's data away from the caller. Throws `store-unwritable` when the thread was lost. */
  write(batch: Batch): Promise<readonly BatchOutcome[]> {
    return new Promise((resolve, reject) => {
      this.sent.push({ resolve, reject });
      const thread = (this.thread ??= this.start());
      thread.ref();
      thread.postMessage(batch, [batch.data.buffer as ArrayBuffer]);
    });
  }

  private start(): Worker {
    const thread = openThread();
    thread.on('message', (outcomes: readonly BatchOutcome[]) => {
      this.sent.shift()?.resolve(outcomes);
      if (this.sent.length === 0) thread.unref();
    });
    const lost = (error: unknown): void => {
      if (this.thread !== thread) return;
      this.thread = undefined;
      for (const { reject } of this.sent.splice(0)) reject(storeError(error, 'run the thread that writes'));
    };
    thread.on('error', lost);
    thread.on('exit', (code) => lost(new Error(`it ended with status ${code}`)));
    return thread;
  }
}

/** One for all stores of the process: a thread takes a while to start, and has nothing to keep between two batches. */
export const writingThread: Pick<WritingThread, 'write'> = new WritingThread();

/** From source (tests, benches) a thread has to be told of the loader first: Node 20 does not pass it on. */
function openThread(): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  const script = new URL(`./batch-thread.${isSource ? 'ts' : 'js'}`, import.meta.url);
  if (!isSource) return new Worker(script);
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(script.href)}); })`;
  return new Worker(load, { eval: true });
}
