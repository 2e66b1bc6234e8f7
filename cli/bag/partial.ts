import { randomBytes } from 'node:crypto';
import { link, lstat, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TriageError } from '../../playbooks/domain/error.js';
import { syncPath, syncTree } from './durable.js';
import { makeFolder, onDisk } from './save.js';

/**
 * Makes a file or folder under another name beside its own, and gives it its own when it is whole and on the disk. Whatever fails before
 * leaves nothing; a process that is killed leaves `.<name>.partial-<random>`, and nothing under the name.
 * @param make is given the path to write to
 * @throws TriageError `conflict` when there is something under the name, `store-full`, `store-unwritable`, and what `make` throws
 */
export async function madeWhole<T>(to: string, kind: 'file' | 'folder', make: (partial: string) => Promise<T>): Promise<T> {
  const target = resolve(to);
  await assertFree(target);
  const partial = join(dirname(target), `.${basename(target)}.partial-${randomBytes(6).toString('hex')}`);
  try {
    if (kind === 'folder') await makeFolder(partial);
    const made = await make(partial);
    if (kind === 'folder') await syncTree(partial);
    else await syncPath(partial);
    await assertFree(target);
    await onDisk(target, () => (kind === 'folder' ? rename(partial, target) : named(partial, target)));
    await syncPath(dirname(target));
    return made;
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** Unlike rename(2), link(2) does not replace what came there meanwhile. */
async function named(partial: string, target: string): Promise<void> {
  await link(partial, target);
  await unlink(partial);
}

async function assertFree(target: string): Promise<void> {
  const found = await lstat(target).catch(() => undefined);
  if (found !== undefined)
    throw new TriageError('conflict', `${target} exists already; it is not written over: remove it, or name another place with --to`);
}
