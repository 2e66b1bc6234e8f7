import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/** How long a caller may take nothing, or the next bytes of an answer may take, in milliseconds; then the connection is cut. */
const idleMs = 30 * 60_000;

/** What is saved as a file. */
export interface Attachment {
  readonly name: string;
  readonly type: string;
}

/**
 * Streams bytes that are to be saved and never shown. What fails before the first of them is an answer like any other; after that the
 * connection is cut, so that what has come cannot pass for whole.
 */
export async function sendAttachment(res: Response, { name, type }: Attachment, bytes: AsyncGenerator<Uint8Array>): Promise<void> {
  const first = await bytes.next();
  // Names are ours: runs and hashes.
  res.set({
    'Content-Type': type,
    'Content-Disposition': `attachment; filename="${name}"`,
    'Content-Security-Policy': "default-src 'none'; sandbox",
  });
  res.setTimeout(idleMs);
  await pipeline(Readable.from(withFirst(first, bytes), { objectMode: false }), res);
}

async function* withFirst(first: IteratorResult<Uint8Array, unknown>, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.done === true) return;
    yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
