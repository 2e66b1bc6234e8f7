import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { abortReason, TriageError } from '../../playbooks/domain/error.js';
import type { CommandOutcome, NodeCommand, NodeSession, RunningCommand } from '../../playbooks/ports.js';

/** What is odd about the node: its environment, and who is told of each command before it starts. */
export interface LocalNodeOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly onStart?: (command: NodeCommand) => void;
}

/** A node session on this machine, for tests of what runs on a node without the network between. */
export function localNode(options: LocalNodeOptions = {}): NodeSession {
  return {
    node: { cluster: 'default', name: 'local', address: '127.0.0.1' },
    start(command, signal) {
      options.onStart?.(command);
      return Promise.resolve(running(command, options.env ?? {}, signal));
    },
    close: () => Promise.resolve(),
  };
}

function running(command: NodeCommand, env: Readonly<Record<string, string>>, signal: AbortSignal): RunningCommand {
  const started = Date.now();
  const [program = '', ...args] = command.argv;
  const child = spawn(program, args, { timeout: command.timeoutMs, env: { ...process.env, LC_ALL: 'C', ...env } });
  child.stdin.on('error', () => undefined);
  child.stdin.end(command.stdin ?? Buffer.alloc(0));
  let stderr = '';
  let bytes = 0;
  let broken: TriageError | undefined;
  const stop = (error: TriageError): void => {
    broken ??= error;
    child.kill();
    child.stdout.destroy(error);
  };
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > command.maxBytes) stop(new TriageError('limit-exceeded', `${command.name} printed more than ${command.maxBytes} bytes`));
  });
  const aborted = (): void => stop(abortReason(signal));
  signal.addEventListener('abort', aborted, { once: true });
  child.stdout.pause();
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('latin1')));
  const finished = once(child, 'close').then(([exitCode]): CommandOutcome => {
    signal.removeEventListener('abort', aborted);
    if (broken !== undefined) throw broken;
    return { exitCode: exitCode as number | null, stderr, stdoutBytes: bytes, durationMs: Date.now() - started };
  });
  finished.catch(() => undefined);
  return { stdout: child.stdout, finished };
}
