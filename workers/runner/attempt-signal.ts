import { TriageError } from '../../playbooks/domain/error.js';

/** Why an attempt has to stop. The first reason counts. */
export type StopReason = 'shutdown' | 'lock-lost' | 'cancelled' | 'timeout';

/** Joins all that can stop an attempt to the one signal that its step gets. */
export class AttemptSignal {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private reason: StopReason | undefined;
  private readonly onJobAbort = (): void => {
    if (this.job?.reason === 'shutdown') this.stop('shutdown', new TriageError('cancelled', 'the worker shuts down; another one goes on'));
    else this.stop('lock-lost', new TriageError('stale-attempt', 'the worker has lost the job; another one goes on'));
  };

  /** @param job BullMQ's signal for the job: aborted with `shutdown` or `lock-lost` */
  constructor(
    step: string,
    timeoutMs: number,
    private readonly job: AbortSignal | undefined,
  ) {
    const seconds = Math.round(timeoutMs / 1_000);
    this.timer = setTimeout(() => this.stop('timeout', new TriageError('timeout', `step ${step} took longer than ${seconds} s`)), timeoutMs);
    if (job?.aborted === true) this.onJobAbort();
    else job?.addEventListener('abort', this.onJobAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get why(): StopReason | undefined {
    return this.reason;
  }

  /** Stops the attempt because its run was asked to stop. */
  cancel(): void {
    this.stop('cancelled', new TriageError('cancelled', 'the run was asked to stop'));
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.job?.removeEventListener('abort', this.onJobAbort);
  }

  private stop(reason: StopReason, error: TriageError): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.controller.abort(error);
  }
}

/**
 * Waits for work that should heed the signal, but not for ever: `graceMs` after the abort it is left behind,
 * and what it still tries to record is refused by its fence.
 */
export async function untilStopped<T>(work: Promise<T>, signal: AbortSignal, graceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: () => void = () => undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    onAbort = (): void => {
      timer = setTimeout(() => reject(signal.reason as TriageError), graceMs);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
