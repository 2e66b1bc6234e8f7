import { execFile } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TriageError } from '../../playbooks/domain/error.js';
import { systemCode } from '../../store/evidence/fs-error.js';
import { onDisk } from './save.js';

/** Makes a folder and all that is in it survive a power cut. Throws `store-full`, `store-unwritable`. */
export async function syncTree(folder: string): Promise<void> {
  if (await syncFileSystem(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) await syncPath(join(entry.parentPath, entry.name));
  await syncPath(folder);
}

/** The same of one file, or of the names in one folder. */
export async function syncPath(path: string): Promise<void> {
  await onDisk(path, async () => {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** One syncfs(2) in place of thousands of fsync(2), by coreutils. False where that is not to be had; before Linux 5.8 it does not tell of failures. */
async function syncFileSystem(path: string): Promise<boolean> {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (process.platform !== 'linux' || major < 5 || (major === 5 && minor < 8)) return false;
  try {
    await promisify(execFile)('sync', ['-f', '--', path]);
    return true;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return false;
    throw new TriageError('store-unwritable', `what was written to ${path} did not reach the disk`, { cause });
  }
}
