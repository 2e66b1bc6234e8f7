import { createCipheriv, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { TriageError } from '../../playbooks/domain/error.js';
import type { FileRange } from './file-range.js';

const derive = promisify(pbkdf2);

/** Lengths of AES-256 in zip archives (WinZip AES, APPNOTE.TXT appendix E): salt, check of the password, authentication code, and each key. */
export const aesLengths = { salt: 16, check: 2, code: 10, key: 32 } as const;
const { salt: saltBytes, check: checkBytes, code: codeBytes, key: keyBytes } = aesLengths;
/** What stands beside the content. */
export const aesOverhead = saltBytes + checkBytes + codeBytes;

const blockBytes = 16;
const chunkBlocks = 64 * 1024;

/**
 * Decrypts the content of an entry (AES-256, AE-1 and AE-2). The code at its end is checked when all has been read.
 * @throws TriageError `store-corrupt` for a wrong password or code
 */
export async function* decrypted(data: FileRange, password: string): AsyncGenerator<Uint8Array> {
  const salt = await data.bytes(0, saltBytes);
  const keys = await derive(password, salt, 1_000, 2 * keyBytes + checkBytes, 'sha1');
  if (!keys.subarray(2 * keyBytes).equals(await data.bytes(saltBytes, checkBytes)))
    throw new TriageError('store-corrupt', 'it is encrypted with another password');
  const code = createHmac('sha1', keys.subarray(keyBytes, 2 * keyBytes));
  const stream = new KeyStream(keys.subarray(0, keyBytes));
  for await (const chunk of data.part(saltBytes + checkBytes, data.size - aesOverhead).stream(chunkBlocks * blockBytes)) {
    code.update(chunk);
    yield stream.apply(chunk);
  }
  const expected = await data.bytes(data.size - codeBytes, codeBytes);
  if (!timingSafeEqual(code.digest().subarray(0, codeBytes), expected))
    throw new TriageError('store-corrupt', 'its authentication code does not fit');
}

/** AES in counter mode as zip has it: the counter is little-endian and begins with 1, which node:crypto does not have. */
export class KeyStream {
  readonly #cipher;
  readonly #counters = Buffer.alloc(chunkBlocks * blockBytes);
  #rest: Buffer = Buffer.alloc(0);
  #block = 1;

  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  }

  /** Changes the chunk in its place. */
  apply(chunk: Uint8Array): Uint8Array {
    for (let at = 0; at < chunk.length; ) {
      if (this.#rest.length === 0) this.#rest = this.#next(Math.min(chunkBlocks, Math.ceil((chunk.length - at) / blockBytes)));
      const length = Math.min(this.#rest.length, chunk.length - at);
      xor(chunk, at, this.#rest, length);
      this.#rest = this.#rest.subarray(length);
      at += length;
    }
    return chunk;
  }

  #next(blocks: number): Buffer {
    for (let block = 0; block < blocks; block += 1, this.#block += 1) {
      this.#counters.writeUInt32LE(this.#block >>> 0, block * blockBytes);
      this.#counters.writeUInt32LE(Math.floor(this.#block / 2 ** 32), block * blockBytes + 4);
    }
    return this.#cipher.update(this.#counters.subarray(0, blocks * blockBytes));
  }
}

function xor(target: Uint8Array, at: number, by: Uint8Array, length: number): void {
  const aligned = (target.byteOffset + at) % 4 === 0 && by.byteOffset % 4 === 0 ? length >>> 2 : 0;
  const words = new Uint32Array(target.buffer, aligned === 0 ? 0 : target.byteOffset + at, aligned);
  const others = new Uint32Array(by.buffer, aligned === 0 ? 0 : by.byteOffset, aligned);
  for (let word = 0; word < aligned; word += 1) words[word] = (words[word] ?? 0) ^ (others[word] ?? 0);
  for (let byte = 4 * aligned; byte < length; byte += 1) target[at + byte] = (target[at + byte] ?? 0) ^ (by[byte] ?? 0);
}
