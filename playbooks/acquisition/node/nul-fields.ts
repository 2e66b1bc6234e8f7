import { TriageError } from '../../domain/error.js';

/** Reads fields that end in NUL, one after the other, as they come; a field can be as long as it likes if it is read in parts. */
export class NulFields {
  private readonly source: AsyncIterator<Uint8Array>;
  private rest: Buffer = Buffer.alloc(0);

  /** @param what names the answer in messages */
  constructor(
    source: AsyncIterable<Uint8Array>,
    private readonly what: string,
  ) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** Whether nothing more comes. */
  async isAtEnd(): Promise<boolean> {
    while (this.rest.length === 0) {
      const next = await this.source.next();
      if (next.done === true) return true;
      this.rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return false;
  }

  /** The next field in parts, to be read to its end. Throws `transfer-truncated` when the answer ends in it. */
  async *parts(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      if (await this.isAtEnd()) throw new TriageError('transfer-truncated', `${this.what}: the answer ends in the middle of a record`);
      const end = this.rest.indexOf(0);
      const part = end === -1 ? this.rest : this.rest.subarray(0, end);
      this.rest = end === -1 ? Buffer.alloc(0) : this.rest.subarray(end + 1);
      if (part.length > 0) yield part;
      if (end !== -1) return;
    }
  }

  /** The next field whole. Throws also `command-failed` when it is longer than `most` bytes. */
  async field(most: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of this.parts()) {
      length += part.length;
      if (length > most) throw new TriageError('command-failed', `${this.what}: a field is longer than ${most} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }
}

/** Decodes base64 as it comes. Throws `command-failed` for what is none. */
export async function* fromBase64(parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let rest = '';
  for await (const part of parts) {
    const text = rest + part.toString('latin1');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw notBase64();
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    if (whole > 0) yield Buffer.from(text.slice(0, whole), 'base64');
  }
  if (rest !== '') throw notBase64();
}

function notBase64(): TriageError {
  return new TriageError('command-failed', 'the answer is not base64');
}
