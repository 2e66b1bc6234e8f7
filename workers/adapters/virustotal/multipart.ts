import { createHash, randomUUID } from 'node:crypto';
import { TriageError } from '../../../playbooks/domain/error.js';

/**
 * One file as a form (RFC 7578), streamed, and hashed on its way. Its last bytes are held back until the hash is known to be the right one:
 * a file that is another one is never sent as a whole.
 */
export class MultipartFile {
  readonly #boundary = `podtriage-${randomUUID()}`;
  #error: TriageError | undefined;
  #isSent = false;

  constructor(
    private readonly file: { readonly sha256: string; readonly size: number },
    private readonly content: AsyncIterable<Uint8Array>,
  ) {}

  get headers(): Record<string, string> {
    const length = this.#head.length + this.file.size + this.#tail.length;
    return { 'content-type': `multipart/form-data; boundary=${this.#boundary}`, 'content-length': String(length) };
  }

  /** Why the form broke off by itself. */
  get error(): TriageError | undefined {
    return this.#error;
  }

  /** True from when the last byte was handed over. */
  get isSent(): boolean {
    return this.#isSent;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield this.#head;
      yield* this.#checked();
      this.#isSent = true;
      yield this.#tail;
    } catch (error) {
      this.#error =
        error instanceof TriageError ? error : new TriageError('internal', `the file could not be read: ${String(error)}`, { cause: error });
      throw this.#error;
    }
  }

  async *#checked(): AsyncGenerator<Uint8Array, void, undefined> {
    const hash = createHash('sha256');
    let held: Uint8Array | undefined;
    let size = 0;
    for await (const chunk of this.content) {
      hash.update(chunk);
      size += chunk.length;
      if (size > this.file.size) break;
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (size !== this.file.size || hash.digest('hex') !== this.file.sha256)
      throw new TriageError(
        'store-corrupt',
        `the bytes of ${this.file.sha256} in the evidence store are not those of this hash; the upload was broken off`,
      );
    if (held !== undefined) yield held;
  }

  get #head(): Buffer {
    const disposition = `content-disposition: form-data; name="file"; filename="${this.file.sha256}"`;
    return Buffer.from(`--${this.#boundary}\r\n${disposition}\r\ncontent-type: application/octet-stream\r\n\r\n`);
  }

  get #tail(): Buffer {
    return Buffer.from(`\r\n--${this.#boundary}--\r\n`);
  }
}
