import { ReadableStream, TransformStream, type WritableStream } from 'node:stream/web';
import { configure, type ReadableReader, ZipWriter } from '@zip.js/zip.js';
import type { BagFile } from '../../playbooks/bag/bag-file.js';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { aesOverhead } from './aes-content.js';
import { encrypted } from './aes-encrypted.js';
import { gathered } from './gathered.js';

// Its workers cost more than they give where nothing is compressed.
configure({ useWebWorkers: false, useCompressionStream: false });

/** How a zip archive is made. */
export interface ZipOptions {
  readonly at: Date;
  /** Encrypts all entries but empty ones with AES-256 (AE-2). Names and sizes can be read without it. */
  readonly password?: string;
}

/** Files as a zip archive: stored, nothing compressed, Zip64 where it must be. Ends early, without a directory, when a file fails. */
export function zipOf(files: AsyncIterable<BagFile>, options: ZipOptions): AsyncGenerator<Uint8Array> {
  return gathered(archive(files, options));
}

async function* archive(files: AsyncIterable<BagFile>, options: ZipOptions): AsyncGenerator<Uint8Array> {
  let fail: (error: Error) => void = () => undefined;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      fail = (error) => controller.error(error);
    },
  });
  // Who stops reading cancels the stream, and with it what feeds it.
  feed(files, writable, options).catch((error: unknown) => fail(asTriageError(error)));
  for await (const chunk of readable) yield chunk;
}

async function feed(files: AsyncIterable<BagFile>, writable: WritableStream<Uint8Array>, { at, password }: ZipOptions): Promise<void> {
  const writer = new ZipWriter(writable, { level: 0, lastModDate: at, unixMode: 0o100400 });
  for await (const { path, size, bytes } of files) {
    if (password === undefined || size === 0) await writer.add(path, readerOf(bytes, size));
    else await addEncrypted(writer, { path, bytes, size: size ?? unsized(path) }, password);
  }
  await writer.close();
}

/** Of an empty entry the library would say that it is encrypted without what belongs to that, which 7z refuses: it is not encrypted. */
async function addEncrypted(writer: ZipWriter<unknown>, { path, bytes, size }: BagFile & { readonly size: number }, password: string): Promise<void> {
  const ready = { passThrough: true, encrypted: true, encryptionStrength: 3, compressionMethod: 0, uncompressedSize: size } as const;
  await writer.add(path, readerOf(encrypted(bytes, password), size + aesOverhead), ready);
}

function readerOf(bytes: BagFile['bytes'], size: number | undefined): ReadableReader & { readonly size?: number } {
  const readable = ReadableStream.from(bytes);
  return size === undefined ? { readable } : { readable, size };
}

function unsized(path: string): never {
  throw new TriageError('internal', `${path} is to be encrypted and has no size`);
}
