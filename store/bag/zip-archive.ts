import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import type { ArchivedFile, BagArchive } from '../../playbooks/bag/reader.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { aesOverhead, decrypted } from './aes-content.js';
import type { FileRange } from './file-range.js';
import { readDirectory, type ZipEntry } from './zip-directory.js';

/** Opens the archive of artifacts: files alone, all encrypted, nothing compressed. Throws `store-corrupt`. */
export async function openArchive(archive: FileRange, password: string): Promise<BagArchive> {
  const { entries, troubles } = await readDirectory(archive);
  return { files: entries.map((entry) => archivedFile(entry, password)), troubles };
}

function archivedFile(entry: ZipEntry, password: string): ArchivedFile {
  const trouble = entry.trouble ?? (entry.type !== 'file' ? 'is no file' : entry.encrypted || entry.size === 0 ? undefined : 'is not encrypted');
  return { name: entry.name, size: entry.size, ...(trouble === undefined ? {} : { trouble }), read: () => content(entry, password) };
}

/** The bytes of an entry as they were before they went into the archive; never more than the directory says. Throws `store-corrupt`. */
export async function* content(entry: ZipEntry, password?: string): AsyncGenerator<Uint8Array> {
  const data = await entry.data();
  // The archiver encrypts nothing where there is nothing.
  if (entry.size === 0 && data.size === 0) return;
  if (entry.encrypted && password === undefined) throw new TriageError('store-corrupt', 'it is encrypted');
  if (!entry.compressed && data.size !== entry.size + (entry.encrypted ? aesOverhead : 0))
    throw new TriageError('store-corrupt', 'the archive does not have as many bytes of it as its directory says');
  const plain = entry.encrypted ? decrypted(data, password ?? '') : data.stream();
  let left = entry.size;
  for await (const chunk of entry.compressed ? inflated(plain) : plain) {
    left -= chunk.length;
    if (left < 0) throw new TriageError('store-corrupt', `it has more than the ${entry.size} bytes that the directory of the archive says`);
    yield chunk;
  }
}

async function* inflated(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw();
  pipeline(Readable.from(source, { objectMode: false }), inflate, () => undefined);
  try {
    for await (const chunk of inflate) yield chunk as Uint8Array;
  } catch (cause) {
    throw new TriageError('store-corrupt', 'it cannot be decompressed', { cause });
  } finally {
    inflate.destroy();
  }
}
