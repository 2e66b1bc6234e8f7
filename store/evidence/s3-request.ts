import { setTimeout as sleep } from 'node:timers/promises';
import { afterMs } from '../../playbooks/domain/abort.js';
import { abortReason, throwIfAborted } from '../../playbooks/domain/error.js';
import { isPassing } from './s3-error.js';

/** Tries of one request, and the wait after the first; each further wait is twice as long. About 3 s in all. */
const tries = 5;
const firstWaitMs = 200;

/** How a request is bounded. */
export interface RequestLimits {
  /** Of one try, in milliseconds. */
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether to try again after this error. */
  readonly again?: (error: unknown) => boolean;
}

/**
 * Sends a request, and again when that may help. Each try builds its request anew: a body that was begun cannot be sent twice.
 * Throws what the last try threw, or why it was stopped: `timeout`, `cancelled`.
 */
export async function request<T>({ withinMs, signal, again = isPassing }: RequestLimits, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  for (let number = 1; ; number += 1) {
    if (signal !== undefined) throwIfAborted(signal);
    const limit = afterMs(withinMs, `the S3 server did not answer within ${Math.ceil(withinMs / 1_000)} s`);
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    try {
      return await send(either);
    } catch (error) {
      if (either.aborted) throw abortReason(either);
      if (number === tries || !again(error)) throw error;
    }
    // Neither all at once again, nor after the caller has gone; see the top of the loop.
    await sleep(firstWaitMs * 2 ** (number - 1) * (0.75 + Math.random() / 2), undefined, signal === undefined ? {} : { signal }).catch(
      () => undefined,
    );
  }
}
