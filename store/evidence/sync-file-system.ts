import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { release } from 'node:os';

/** syncfs(2) tells of failed writes since Linux 5.8, and once: who asks after that is told that all is well. */
let isTrusted = process.platform === 'linux' && /^([6-9]|\d\d|5\.([89]|\d\d))\b/.test(release());

/**
 * Syncs the file system that a path lies on: one syncfs(2) in place of thousands of fsync(2), by coreutils as Node has no call for it.
 * False where that is not to be had, or has ever failed: then each file is to be synced by itself, also those whose turn is still to come, as
 * theirs may have been the writes that failed.
 */
export async function syncFileSystem(path: string): Promise<boolean> {
  if (!isTrusted) return false;
  try {
    const [status] = (await once(spawn('sync', ['-f', '--', path], { stdio: 'ignore' }), 'exit')) as [number | null];
    isTrusted &&= status === 0;
  } catch {
    isTrusted = false;
  }
  return isTrusted;
}
