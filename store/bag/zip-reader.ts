import { open } from 'node:fs/promises';
import type { BagEntry, BagReader } from '../../playbooks/bag/reader.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { FileRange } from './file-range.js';
import { content, openArchive } from './zip-archive.js';
import { readDirectory, type ZipEntry } from './zip-directory.js';

/**
 * Opens a bag that is a zip archive, at random places of one open file; nothing is unpacked. All of it must be in one folder.
 * @throws TriageError `not-found` when it cannot be opened, `store-corrupt` when it is no archive
 */
export async function openZip(path: string): Promise<BagReader & { close(): Promise<void> }> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new TriageError('not-found', `cannot open ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  try {
    const archive = new FileRange(file, 0, (await file.stat()).size);
    const { entries, troubles } = await readDirectory(archive);
    const root = rootOf(entries);
    const placed = entries.map((entry) => ({ entry, bag: bagEntry(entry, root) }));
    const byPath = new Map(placed.map(({ entry, bag }) => [bag.path, entry]));
    const named = (name: string): ZipEntry => {
      const entry = byPath.get(name);
      if (entry === undefined) throw new TriageError('store-corrupt', 'the archive does not have it');
      return entry;
    };
    return {
      entries: placed.flatMap(({ bag }) => (bag.type === 'folder' && bag.path === '' ? [] : [bag])),
      troubles,
      read: (name) => content(named(name)),
      archive: async (name, password) => {
        const entry = named(name);
        if (entry.compressed) throw new TriageError('store-corrupt', 'is compressed in the archive around it');
        return openArchive(await entry.data(), password);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

const mark = '/bagit.txt';

/** The folder of the bag in the archive, with the slash that ends it; empty for an archive without one. */
function rootOf(entries: readonly ZipEntry[]): string {
  const names = entries.map(({ name }) => name);
  if (names.includes(mark.slice(1))) return '';
  const first = names.find((name) => name.endsWith(mark)) ?? names[0] ?? '';
  return `${first.split('/')[0] ?? ''}/`;
}

function bagEntry({ name, type, size, trouble, encrypted }: ZipEntry, root: string): BagEntry {
  const inside = name === root.slice(0, -1) ? '' : name.startsWith(root) ? name.slice(root.length) : undefined;
  const wrong = trouble ?? (inside === undefined ? 'is outside of the bag' : encrypted ? 'is encrypted' : undefined);
  return { path: inside ?? name, type, size, ...(wrong === undefined ? {} : { trouble: wrong }) };
}
