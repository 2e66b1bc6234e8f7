import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until something holds, for ten seconds at most. */
export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 500) throw new Error('what was waited for did not come');
    await sleep(20);
  }
}

/** All chunks of a stream. */
export async function all(source: Promise<AsyncIterable<unknown>>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await source) chunks.push(chunk as Uint8Array);
  return chunks;
}

/** sha256, lower case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
