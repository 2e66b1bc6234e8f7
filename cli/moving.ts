import { untilAborted } from '../playbooks/domain/abort.js';
import { abortReason, TriageError } from '../playbooks/domain/error.js';

/** How long nothing may come, in milliseconds: the service may have to put gigabytes together before it knows their size. */
export const stallMs = 30 * 60_000;

/**
 * The bytes of an answer as they come, until the signal is aborted or nothing more comes.
 * @param start sends the request, with the signal that ends it
 * @throws TriageError `timeout`, `cancelled`, `transfer-truncated` when the answer breaks off, and what `start` throws
 */
export async function* moving(start: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stall = new AbortController();
  const both = AbortSignal.any([signal, stall.signal]);
  let moved = true;
  // One timer for all chunks: there are tens of thousands.
  const watch = setInterval(() => {
    if (!moved) stall.abort(new TriageError('timeout', `the service has sent nothing for ${stallMs / 60_000} minutes`));
    moved = false;
  }, stallMs);
  try {
    for await (const chunk of untilAborted(await start(both), both)) {
      moved = true;
      yield chunk;
    }
  } catch (error) {
    if (both.aborted) throw abortReason(both);
    if (error instanceof TriageError) throw error;
    throw new TriageError('transfer-truncated', 'the service has broken off its answer; its log says why', { cause: error });
  } finally {
    clearInterval(watch);
  }
}
