import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Listed, Taken } from './acquisition.js';

/** What a child is told to take: the files below `folder` of a listed pod, into a new store below `stores`. */
export interface Order {
  readonly pod: string;
  readonly listed: Listed;
  readonly folder: string;
  readonly stores: string;
}

/** What it took, and the most memory that it has had until then, in MiB. */
export interface Answer extends Taken {
  readonly peakMib: number;
}

/** A process of its own that acquires: nothing of the bench is in its time and memory. */
export class Acquirer {
  private readonly child: ChildProcess;
  private readonly ended: Promise<never>;

  /** @param program see {@link compiled} */
  constructor(program: string) {
    // Without the loader of TypeScript, which a child would take over.
    this.child = fork(program, { execArgv: [] });
    this.ended = once(this.child, 'exit').then(() => Promise.reject(new Error('the process that acquires has ended')));
    this.ended.catch(() => undefined);
  }

  async take(order: Order): Promise<Answer> {
    this.child.send(order);
    const [answer] = (await Promise.race([once(this.child, 'message'), this.ended])) as [Answer];
    return answer;
  }

  end(): void {
    this.child.disconnect();
  }
}

/** Gives `act` the program of an {@link Acquirer} as it is released: the loader of TypeScript takes 150 MiB, and what it loads is slower. */
export async function compiled<T>(act: (program: string) => Promise<T>): Promise<T> {
  const root = join(import.meta.dirname, '..');
  const out = await mkdtemp(join(root, 'node_modules', '.podtriage-bench-'));
  try {
    await writeFile(join(out, 'package.json'), '{ "type": "module" }');
    const tsc = join(root, 'node_modules', '.bin', 'tsc');
    await promisify(execFile)(tsc, ['-p', root, '--noCheck', '--noEmit', 'false', '--outDir', out]);
    return await act(join(out, 'bench', 'stream-child.js'));
  } finally {
    await rm(out, { recursive: true });
  }
}
