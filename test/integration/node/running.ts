import type { Readable } from 'node:stream';
import { expect } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { CommandOutcome, NodeCommand, NodeSession, RunningCommand } from '../../../playbooks/ports.js';

const MiB = 1024 * 1024;
const signal = new AbortController().signal;

/** A command of a test, with generous bounds. */
export function command(argv: readonly string[], change: Partial<NodeCommand> = {}): NodeCommand {
  return { name: 'test', argv, privileged: false, timeoutMs: 30_000, maxBytes: 1024 * MiB, ...change };
}

/** All of a stream. */
export async function bytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Runs a command to its end. */
export async function run(on: NodeSession, what: NodeCommand): Promise<{ stdout: Buffer; outcome: CommandOutcome }> {
  const running = await on.start(what, signal);
  const [stdout, outcome] = await Promise.all([bytes(running.stdout), running.finished]);
  return { stdout, outcome };
}

/** Both ends of a command that must fail: they have to carry the same error. */
export async function failure(running: RunningCommand): Promise<TriageError> {
  const [onStdout, onFinished] = await Promise.all([
    bytes(running.stdout).then(
      () => undefined,
      (error: unknown) => error,
    ),
    running.finished.then(
      () => undefined,
      (error: unknown) => error,
    ),
  ]);
  expect(onFinished).toBeInstanceOf(TriageError);
  expect(onStdout).toBe(onFinished);
  return onFinished as TriageError;
}

/** An argument by which the test finds its process again. */
export function marked(seconds: number): { argv: string[]; mark: string } {
  const mark = `${seconds}.${String(Math.random()).slice(2, 12)}`;
  return { argv: ['sleep', mark], mark: `sleep ${mark}` };
}
