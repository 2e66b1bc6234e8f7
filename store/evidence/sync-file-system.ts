import { spawn } from 'node:child_process';
import { release } from 'node:os';

/** syncfs(2) tells of failed writes since Linux 5.8. */
let hasSyncFs = process.platform === 'linux' && /^([6-9]|\d\d|5\.([89]|\d\d))\b/.test(release());

/**
 * Syncs the file system that a path lies on: one syncfs(2) in place of thousands of fsync(2), by coreutils as Node has no call for it.
 * False where that is not to be had, or failed: then each file is to be synced by itself.
 */
export async function syncFileSystem(path: string): Promise<boolean> {
  if (!hasSyncFs) return false;
  hasSyncFs = await new Promise<boolean>((resolve) => {
    const child = spawn('sync', ['-f', '--', path], { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
  return hasSyncFs;
}
