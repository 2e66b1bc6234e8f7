import { spawn } from 'node:child_process';
import { release } from 'node:os';
import { createInterface } from 'node:readline';

/** syncfs(2) tells of failed writes since Linux 5.8, and once: who asks after that is told that all is well. */
let isTrusted = process.platform === 'linux' && /^([6-9]|\d\d|5\.([89]|\d\d))\b/.test(release());

let shell: SyncShell | undefined;

/**
 * Syncs the file system that a path lies on: one syncfs(2) in place of thousands of fsync(2), by coreutils as Node has no call for it.
 * False where that is not to be had, or has ever failed: then each file is to be synced by itself, also those whose turn is still to come, as
 * theirs may have been the writes that failed.
 */
export async function syncFileSystem(path: string): Promise<boolean> {
  if (!isTrusted || path.includes('\n')) return false;
  try {
    shell ??= new SyncShell();
    const isSynced = await shell.sync(path);
    isTrusted &&= isSynced;
  } catch {
    isTrusted = false;
  }
  return isTrusted;
}

/**
 * Syncs the file system of each path that it reads, one in a line, and prints the status. What a terminal or a service manager sends to all of
 * us is not for it: it is needed until we have done our last.
 */
const script = 'trap "" INT TERM HUP; while IFS= read -r path; do sync -f -- "$path" >/dev/null; echo $?; done';

/**
 * A shell for all syncs of this process: to start a program from one of our size takes longer than most syncs, and each page of ours that is
 * written to after that takes a fault. It ends with us, when its input does.
 */
class SyncShell {
  private readonly child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  private readonly waiting: ((isSynced: boolean) => void)[] = [];

  constructor() {
    const gone = (): void => this.waiting.splice(0).forEach((answer) => answer(false));
    // First: a child without descriptors has no streams, and tells of it later.
    this.child.on('error', gone).on('close', gone);
    createInterface(this.child.stdout).on('line', (status) => this.waiting.shift()?.(status === '0'));
    this.child.stdin.on('error', gone);
  }

  /** False also when the shell is gone. */
  sync(path: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(`${path}\n`, (error) => error != null && resolve(false));
    });
  }
}
