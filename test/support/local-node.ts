import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { CommandOutcome, NodeCommand, NodeSession, RunningCommand } from '../../playbooks/ports.js';

/** A node session on this machine, for tests of what runs on a node without the network between. */
export function localNode(): NodeSession {
  return {
    node: { cluster: 'default', name: 'local', address: '127.0.0.1' },
    start: (command) => Promise.resolve(running(command)),
    close: () => Promise.resolve(),
  };
}

function running(command: NodeCommand): RunningCommand {
  const started = Date.now();
  const [program = '', ...args] = command.argv;
  const child = spawn(program, args, { timeout: command.timeoutMs, env: { ...process.env, LC_ALL: 'C' } });
  child.stdin.on('error', () => undefined);
  child.stdin.end(command.stdin ?? Buffer.alloc(0));
  let stderr = '';
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
  child.stdout.pause();
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('latin1')));
  const finished = once(child, 'close').then(
    ([exitCode]): CommandOutcome => ({
      exitCode: exitCode as number | null,
      stderr,
      stdoutBytes: bytes,
      durationMs: Date.now() - started,
    }),
  );
  return { stdout: child.stdout, finished };
}
