import { abortReason, type ErrorCode, TriageError, throwIfAborted } from './error.js';

/**
 * A signal that is aborted after `ms` with a TriageError. `AbortSignal.timeout` must not be used inside `AbortSignal.any`: Node 20 holds it
 * weakly, so that it can be collected before its time and never fire (https://github.com/nodejs/node/issues/54614).
 * Here the running timer holds it. It does not keep the process alive.
 */
export function afterMs(ms: number, message = `no answer within ${ms} ms`, code: ErrorCode = 'timeout'): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new TriageError(code, message)), ms).unref();
  return controller.signal;
}

/** Waits for `work`, but no longer than the signal allows. What `work` comes to after that is ignored. */
export async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  throwIfAborted(signal);
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(abortReason(signal));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}

/**
 * Passes chunks on until the signal is aborted, also while the source is silent. The source is told when nothing more is wanted,
 * and not waited for: one that hangs must not hold up who stopped it.
 */
export async function* untilAborted<T>(source: AsyncIterable<T> | Iterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  if (!(Symbol.asyncIterator in source)) {
    for (const chunk of source) {
      throwIfAborted(signal);
      yield chunk;
    }
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const next = await orAbort(iterator.next(), signal);
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
