import { Readable } from 'node:stream';
import { afterMs, orAbort } from '../../playbooks/domain/abort.js';
import { TriageError } from '../../playbooks/domain/error.js';

/** A server that is silent for so long has gone. The time that the reader takes does not count. */
const silentMs = 60_000;
/** A limit is made anew after so long, not with each chunk. */
const renewMs = 5_000;

/**
 * The bytes of an object, whole or ending in an error: `store-unwritable` for a connection that breaks or ends too early, `timeout` for one
 * that falls silent.
 */
export function wholeStream(body: Readable, size: number | undefined): Readable {
  // A connection may break before anybody reads; who reads then is told.
  body.on('error', () => undefined);
  const stream = Readable.from(chunksOf(body, size), { objectMode: false });
  // Also when nobody began to read.
  stream.once('close', () => body.destroy());
  return stream;
}

async function* chunksOf(body: Readable, size: number | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let came = 0;
  for (let [limit, madeAt] = newLimit(); ; ) {
    if (Date.now() - madeAt > renewMs) [limit, madeAt] = newLimit();
    const next = await orAbort(chunks.next(), limit).catch((error: unknown) => {
      if (error instanceof TriageError) throw error;
      throw broken(String(error), error);
    });
    if (next.done === true) break;
    came += next.value.length;
    yield next.value;
  }
  if (size !== undefined && came !== size) throw broken(`${came} bytes of ${size} came`);
}

function newLimit(): [AbortSignal, number] {
  return [afterMs(silentMs, `the S3 server sent nothing for ${silentMs / 1_000} s`), Date.now()];
}

function broken(why: string, cause?: unknown): TriageError {
  return new TriageError('store-unwritable', `the evidence store cannot be read to the end: ${why}`, { cause });
}
