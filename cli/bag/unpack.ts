import { readTar } from '../../playbooks/acquisition/tar/tar-reader.js';
import type { BagFile } from '../../playbooks/bag/bag-file.js';
import { bagFolder, isBagPath } from '../../playbooks/bag/layout.js';
import { TriageError } from '../../playbooks/domain/error.js';

/**
 * The files of a bag that comes as a tar archive. Takes nothing but regular files with names that a bag has: the service may lie.
 * Throws `invalid-request` for anything else, and `transfer-truncated` when the archive has no proper end.
 */
export async function* bagOfTar(source: AsyncIterable<Uint8Array>, run: string): AsyncGenerator<BagFile> {
  const prefix = `${bagFolder(run)}/`;
  for await (const { name, type, size, body } of readTar(source)) {
    const text = name.toString('latin1');
    const path = text.slice(prefix.length);
    if (type !== 'file' || !text.startsWith(prefix) || !isBagPath(path))
      throw new TriageError('invalid-request', 'the service has sent what does not belong into a bag; nothing of it is kept');
    yield { path, size, bytes: body };
  }
}
