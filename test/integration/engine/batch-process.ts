import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BatchStand } from './batch-stand.js';

const program = fileURLToPath(new URL('batch-child.ts', import.meta.url));

/** How such a process works. */
export interface ProcessOptions {
  readonly latencyMs?: number;
  readonly lockMs?: number;
  readonly slots?: number;
}

/** An API or a worker in a process of its own, which a test may kill. */
export class BatchProcess {
  readonly ready: Promise<unknown>;

  private constructor(private readonly child: ChildProcess) {
    this.ready = Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  }

  static async start(
    stand: BatchStand,
    role: 'api' | 'worker',
    id: string,
    { latencyMs = 5, lockMs = 1_200, slots = 16 }: ProcessOptions = {},
  ): Promise<BatchProcess> {
    const { engine, folder } = stand;
    const options = { role, id, socket: engine.server.socket, prefix: engine.prefix, keys: engine.folder, folder, latencyMs, lockMs, slots };
    const args = ['--import', 'tsx', program, JSON.stringify(options)];
    const made = new BatchProcess(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await made.ready;
    return made;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}
