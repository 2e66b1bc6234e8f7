/** Below this, chunks are put together: each costs a turn of every stream that it goes through. */
const least = 64 * 1024;

/** The same bytes in chunks of 64 KiB and more, but for the last. */
export async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    if (size === 0 && chunk.length >= least) {
      yield chunk;
      continue;
    }
    chunks.push(chunk);
    size += chunk.length;
    if (size < least) continue;
    yield Buffer.concat(chunks, size);
    chunks = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(chunks, size);
}
