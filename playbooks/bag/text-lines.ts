import { isUtf8 } from 'node:buffer';
import { TriageError } from '../domain/error.js';

/** A step's record can hold facts of 256 KiB each, and stands as a string in its line; no line of a bag is near this. */
const maxLineBytes = 64 * 1024 * 1024;

/** A line without its line feed. `fault` says why it is not one that we write. */
export interface TextLine {
  readonly text: string;
  readonly fault?: string;
}

/**
 * Reads lines, each of which ends in a line feed and is UTF-8: bytes that would be read as the same text are no longer the same bytes.
 * @throws TriageError `limit-exceeded` for a line beyond 64 MiB
 */
export async function* textLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<TextLine> {
  let rest: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const tail = chunk.subarray(from, end);
      yield lineOf(rest.length === 0 ? tail : Buffer.concat([...rest, tail]));
      rest = [];
      held = 0;
      from = end + 1;
    }
    if (from === chunk.length) continue;
    // The source may use its buffer again.
    rest.push(Uint8Array.from(chunk.subarray(from)));
    held += chunk.length - from;
    if (held > maxLineBytes) throw new TriageError('limit-exceeded', `has a line of more than ${maxLineBytes} bytes`);
  }
  if (held > 0) yield { ...lineOf(Buffer.concat(rest)), fault: 'does not end in a line feed' };
}

function lineOf(bytes: Uint8Array): TextLine {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!isUtf8(bytes)) return { text, fault: 'is not UTF-8' };
  return bytes.length === 0 ? { text, fault: 'is empty' } : { text };
}

/** Reads a whole small file as text. Throws `limit-exceeded`, and `store-corrupt` for what is not UTF-8. */
export async function wholeText(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > maxBytes) throw new TriageError('limit-exceeded', `is larger than ${maxBytes} bytes`);
    chunks.push(Uint8Array.from(chunk));
  }
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes)) throw new TriageError('store-corrupt', 'is not UTF-8');
  return bytes.toString('utf8');
}
