import { untilAborted } from '../../../playbooks/domain/abort.js';

/** The last `maxBytes` of a stream, holding little more than that. */
export async function tail(source: AsyncIterable<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of untilAborted(source, signal)) {
    chunks.push(chunk);
    size += chunk.length;
    while (size - (chunks[0]?.length ?? 0) >= maxBytes && chunks.length > 1) size -= chunks.shift()?.length ?? 0;
  }
  const all = Buffer.concat(chunks);
  return Uint8Array.from(all.subarray(Math.max(0, all.length - maxBytes)));
}
