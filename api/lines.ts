import { TriageError } from '../playbooks/domain/error.js';

/** The longest line that a listing may have, in bytes: a name of 64 KiB in base64 and in its printed form, and room. */
const maxLineBytes = 1024 * 1024;

/** Splits a stream into lines; nothing of it is held but the line at hand. Throws `store-corrupt` for a line without end. */
export async function* splitLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    let data: Buffer = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([rest, chunk]);
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10)) {
      yield data.toString('utf8', 0, end);
      data = data.subarray(end + 1);
    }
    if (data.length > maxLineBytes) throw new TriageError('store-corrupt', 'a listing holds a line of more than 1 MiB');
    rest = data;
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
