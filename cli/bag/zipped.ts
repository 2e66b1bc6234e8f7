import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { configure, Reader, ZipReader } from '@zip.js/zip.js';
import { zipPassword } from '../../playbooks/bag/layout.js';
import { TriageError } from '../../playbooks/domain/error.js';

configure({ useWebWorkers: false, useCompressionStream: false });

/** The sha256 of the only file in an encrypted zip, which must be its name. Throws `digest-mismatch` for anything else. */
export async function zippedSha256(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const zip = new ZipReader(new FileReader(file), { password: zipPassword });
    const [entry, ...more] = await zip.getEntries();
    if (entry === undefined || entry.directory || more.length > 0) throw new Error('not one file');
    const hash = createHash('sha256');
    await entry.getData(new WritableStream<Uint8Array>({ write: (chunk) => void hash.update(chunk) }));
    const sha256 = hash.digest('hex');
    if (entry.filename !== sha256) throw new Error('other bytes than its name says');
    return sha256;
  } catch (cause) {
    throw new TriageError('digest-mismatch', 'what the service has sent is not the artifact in a zip; it was not kept', { cause });
  } finally {
    await file.close();
  }
}

/** Reads an archive in a file. */
class FileReader extends Reader<FileHandle> {
  constructor(private readonly file: FileHandle) {
    super(file);
  }

  override async init(): Promise<void> {
    await super.init?.();
    this.size = (await this.file.stat()).size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const { buffer, bytesRead } = await this.file.read(Buffer.alloc(length), 0, length, index);
    return buffer.subarray(0, bytesRead);
  }
}
