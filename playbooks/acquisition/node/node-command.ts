import { asTriageError, TriageError } from '../../domain/error.js';
import type { CommandOutcome, NodeCommand, NodeSession, RunningCommand } from '../../ports.js';

const MiB = 1024 * 1024;

/** Exit status of timeout(1): the time was up. */
export const timeUp = 124;

/** Fills in what most commands share: root, five minutes, 64 MiB of output. */
export function nodeCommand(name: string, argv: readonly string[], more: Partial<NodeCommand> = {}): NodeCommand {
  return { name, argv, privileged: true, timeoutMs: 300_000, maxBytes: 64 * MiB, ...more };
}

/** Output of a command that is small enough to hold; `maxBytes` of the command bounds it. */
export interface Collected {
  readonly stdout: Buffer;
  readonly outcome: CommandOutcome;
}

/** Runs a command to its end and returns what it printed, whatever its exit status. */
export async function collect(session: NodeSession, command: NodeCommand, signal: AbortSignal): Promise<Collected> {
  const running = await session.start(command, signal);
  const chunks: Buffer[] = [];
  const drained = (async () => {
    for await (const chunk of running.stdout) chunks.push(Buffer.from(chunk as Uint8Array));
  })();
  // The outcome says why a stream broke; the stream's own error is only its echo.
  const [outcome] = await Promise.all([running.finished, drained.catch(() => undefined)]);
  return { stdout: Buffer.concat(chunks), outcome };
}

/**
 * Waits for a command and for what parses its output as it comes. When both fail, the one that failed first is told: a parser that gives up
 * (a full disk, say) ends the command, and a command that is cut ends the archive.
 * @returns the outcome, and the parser's complaint about an archive that was cut, to be thrown once the outcome has been looked at
 */
export async function whileRunning(running: RunningCommand, parsing: Promise<void>): Promise<{ outcome: CommandOutcome; truncated?: TriageError }> {
  const [finished, parsed] = await Promise.allSettled([running.finished, parsing]);
  const complaint: unknown = parsed.status === 'rejected' ? parsed.reason : undefined;
  const truncated = complaint instanceof TriageError && complaint.code === 'transfer-truncated' ? complaint : undefined;
  if (complaint !== undefined && truncated === undefined) throw asTriageError(complaint);
  if (finished.status === 'rejected') throw asTriageError(finished.reason);
  return { outcome: finished.value, ...(truncated === undefined ? {} : { truncated }) };
}

/** Throws `command-failed` unless the exit status is one of those given. */
export function checkExit(command: NodeCommand, node: string, outcome: CommandOutcome, allowed: readonly number[] = [0]): void {
  if (outcome.exitCode !== null && allowed.includes(outcome.exitCode)) return;
  const status = outcome.exitCode === null ? 'was ended by a signal' : `ended with status ${outcome.exitCode}`;
  throw new TriageError('command-failed', `${command.name} on node ${node} ${status}: ${outcome.stderr || 'it said nothing'}`);
}

/** Names as stdin for `xargs -0` and `tar --null -T -`: each begins with `./`, so that none is taken for an option. */
export function nameList(names: Iterable<Uint8Array>): Buffer {
  const parts: Uint8Array[] = [];
  for (const name of names) parts.push(Buffer.from('./'), name, Buffer.from([0]));
  return Buffer.concat(parts);
}

/** Takes the `./` of {@link nameList} off again. */
export function withoutDot(name: Buffer): Buffer {
  return name.length >= 2 && name[0] === 0x2e && name[1] === 0x2f ? name.subarray(2) : name;
}

/** Splits at NUL as data comes. Throws `transfer-truncated` when the data ends in the middle of a record: the answer was cut. */
export async function* nulRecords(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Buffer, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    const data = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const end = data.lastIndexOf(0) + 1;
    yield* completeRecords(data.subarray(0, end));
    rest = data.subarray(end);
  }
  if (rest.length > 0) throw truncated(what);
}

/** Splits at NUL; a rest without NUL at its end is an answer that was cut (`transfer-truncated`). */
export function splitNul(data: Buffer, what: string): Buffer[] {
  if (data.length > 0 && data.at(-1) !== 0) throw truncated(what);
  return [...completeRecords(data)];
}

function* completeRecords(data: Buffer): Generator<Buffer, void, undefined> {
  let from = 0;
  for (let at = data.indexOf(0); at !== -1; at = data.indexOf(0, from)) {
    yield data.subarray(from, at);
    from = at + 1;
  }
}

function truncated(what: string): TriageError {
  return new TriageError('transfer-truncated', `${what}: the answer ends in the middle of a record`);
}

/** Room for an answer that repeats the names given, with so many bytes beside each. */
export function roomFor(names: readonly Uint8Array[], bytesEach: number): number {
  return names.reduce((sum, { length }) => sum + length + bytesEach, 1024 * 1024);
}
