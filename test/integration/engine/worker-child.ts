import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from './worker-options.js';

const program = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A worker process that the test may stop, freeze and kill. */
export class WorkerChild {
  /** Resolves when it listens to its queues, or has died before. */
  readonly ready: Promise<void>;
  isReady = false;
  private readonly child: ChildProcess;
  readonly gone: Promise<unknown>;

  /** @param onLine gets each line of its log */
  constructor(options: WorkerOptions, onLine: (line: string) => void = () => undefined) {
    this.child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.gone = once(this.child, 'exit');
    const lines = createInterface({ input: this.child.stdout! });
    lines.on('line', onLine);
    const said = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        if (!line.includes('"ready":true')) return;
        this.isReady = true;
        resolve();
      });
    });
    this.ready = Promise.race([said, this.gone.then(() => undefined)]);
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends the signal and waits for the end. */
  async end(name: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.isAlive) return;
    this.child.kill('SIGCONT');
    this.child.kill(name);
    await this.gone;
  }
}
