import { join } from 'node:path';
import { type BagFile, inFolder } from '../../playbooks/bag/bag-file.js';
import { CheckedBag } from '../../playbooks/bag/checked-bag.js';
import { bagFolder } from '../../playbooks/bag/layout.js';
import { madeWhole } from './partial.js';
import { makeFolder, saveFile } from './save.js';

/** A bag on the disk. */
export interface WrittenBag {
  /** Of its manifest-sha256.txt. */
  readonly manifestSha256: string;
}

/** Writes a bag as a folder; it is there whole or not at all. Throws what {@link CheckedBag} and {@link madeWhole} throw. */
export function writeBagFolder(files: AsyncIterable<BagFile>, to: string): Promise<WrittenBag> {
  const bag = new CheckedBag();
  return madeWhole(to, 'folder', async (partial) => {
    const folders = new Set<string>();
    for await (const { path, bytes } of bag.files(files)) {
      const folder = path.slice(0, path.lastIndexOf('/') + 1);
      if (!folders.has(folder)) await makeFolder(join(partial, folder));
      folders.add(folder);
      await saveFile(join(partial, path), 0o400, bytes);
    }
    return { manifestSha256: bag.manifestSha256 };
  });
}

/** The same as one zip file. */
export function writeBagZip(files: AsyncIterable<BagFile>, run: string, to: string): Promise<WrittenBag> {
  const bag = new CheckedBag();
  return madeWhole(to, 'file', async (partial) => {
    // Most commands do without the library of archives.
    const { zipOf } = await import('../../store/bag/zip.js');
    await saveFile(partial, 0o400, zipOf(inFolder(bagFolder(run), bag.files(files)), { at: new Date() }));
    return { manifestSha256: bag.manifestSha256 };
  });
}
