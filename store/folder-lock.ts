import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { TriageError } from '../playbooks/domain/error.js';

/** The lock of a data folder. */
export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Locks a folder for this process, through `flock` of util-linux or busybox: a lock of the kernel goes when its holder is
 * killed, and holds between containers that share the folder, where process ids say nothing.
 * @throws TriageError `config-invalid` naming the pid that holds it, `tool-missing` without `flock`
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const file = join(folder, 'lock');
  // The lock of a process that was killed a moment ago may need one more to go.
  let holder = await tryLock(folder, file);
  for (let tries = 0; holder === undefined && tries < 10; tries++) {
    await sleep(100);
    holder = await tryLock(folder, file);
  }
  if (holder === undefined) throw new TriageError('config-invalid', await occupied(folder, file));
  // The lock is of the file itself: writing into it changes nothing of that.
  await writeFile(file, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => release(holder) };
}

/** Undefined when the lock is held. */
async function tryLock(folder: string, file: string): Promise<ChildProcessByStdio<Writable, Readable, null> | undefined> {
  // `cat` ends with our end of its stdin, however we end. Own session: Ctrl-C in the terminal must not take the lock away.
  const holder = spawn('flock', ['-n', file, 'sh', '-c', 'echo locked; exec cat'], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    holder.once('error', (cause) =>
      reject(new TriageError('tool-missing', `cannot lock ${folder}: the program flock is missing; install util-linux`, { cause })),
    );
    holder.stdout.once('data', () => resolve(holder));
    holder.once('close', () => resolve(undefined));
  });
}

async function release(holder: ChildProcessByStdio<Writable, Readable, null>): Promise<void> {
  if (holder.exitCode !== null) return;
  const closed = once(holder, 'close');
  holder.stdin.end();
  await closed;
}

async function occupied(folder: string, file: string): Promise<string> {
  const pid = (await readFile(file, 'utf8').catch(() => '')).trim();
  const who = /^\d+$/.test(pid) ? `process ${pid}` : 'another process';
  return `the data folder ${folder} is in use by ${who}: stop that one, or set PODTRIAGE_DATA to another folder`;
}
