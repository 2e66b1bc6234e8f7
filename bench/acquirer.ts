import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
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

  /** @param programs where the compiled bench is (compiled.ts) */
  constructor(programs: string) {
    // Without the loader of TypeScript, which a child would take over.
    this.child = fork(join(programs, 'stream-child.js'), { execArgv: [] });
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
