import { PassThrough } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { abortReason, TriageError } from '../../../playbooks/domain/error.js';
import type { CommandOutcome, NodeCommand, RunningCommand } from '../../../playbooks/ports.js';
import { StderrHead } from '../stderr-head.js';
import type { Bandwidth } from './bandwidth.js';
import { endingError, timedOut } from './outcome.js';

/** What a running command has to know. */
export interface ChannelContext {
  readonly command: NodeCommand;
  readonly node: string;
  readonly user: string;
  readonly sudo: boolean;
  /** What the node may send, shared by all commands on it. */
  readonly bandwidth: Bandwidth;
  /** Ends the command on the node, and the channel with it. */
  readonly stop: () => void;
  /** Called once, when the channel's place is free again. */
  readonly released: () => void;
}

/** What waits for the reader: several packets of ssh2 (32 KiB), so that not each of them stops the channel and starts it again. */
const stdoutBytes = 256 * 1024;

/** On top of the time limit on the node: five seconds for SIGKILL there, and the network. */
const localGraceMs = 20_000;

/** Runs a command over a channel that was just opened for it; see {@link RunningCommand}. */
export function runChannel(channel: ClientChannel, context: ChannelContext, signal: AbortSignal): RunningCommand {
  const running = new ChannelCommand(channel, context);
  const stop = (): void => running.stop(abortReason(signal));
  const timer = setTimeout(() => running.stop(timedOut(context.command, context.node)), context.command.timeoutMs + localGraceMs);
  signal.addEventListener('abort', stop, { once: true });
  const done = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  };
  running.finished.then(done, done);
  if (signal.aborted) stop();
  return running;
}

class ChannelCommand implements RunningCommand {
  readonly stdout = new PassThrough({ highWaterMark: stdoutBytes });
  readonly finished: Promise<CommandOutcome>;
  private resolve!: (outcome: CommandOutcome) => void;
  private reject!: (error: TriageError) => void;
  private readonly stderr = new StderrHead();
  private readonly startedAt = performance.now();
  private stdoutBytes = 0;
  private settled = false;
  /** What the channel waits for before more is read from it: a place in `stdout`, its share of the bandwidth. */
  private holds = 0;
  private waiting: NodeJS.Timeout | undefined;
  /** Undefined until the node has reported how the command ended. */
  private exit: { readonly code: number | null; readonly signal: string | undefined } | undefined;

  constructor(
    private readonly channel: ClientChannel,
    private readonly context: ChannelContext,
  ) {
    this.finished = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // A caller may meet the failure on `stdout` first and never look at `finished`, or the other way round.
    this.finished.catch(() => undefined);
    this.stdout.on('error', () => undefined);
    this.stdout.once('close', () => this.stop(new TriageError('cancelled', `${context.command.name}: its output was not wanted any more`)));
    this.listen();
    channel.end(context.command.stdin);
  }

  /** Ends the command on the node and fails with `error` at once. */
  stop(error: TriageError): void {
    if (this.settled) return;
    this.channel.pause();
    this.context.stop();
    this.fail(error);
  }

  private fail(error: TriageError): void {
    this.settled = true;
    clearTimeout(this.waiting);
    this.stdout.destroy(error);
    this.reject(error);
  }

  private listen(): void {
    this.channel.on('data', (chunk: Buffer) => this.onData(chunk));
    this.channel.stderr.on('data', (chunk: Buffer) => this.stderr.add(chunk));
    this.channel.on('error', () => undefined);
    this.channel.on('exit', (code: number | null, signal?: string) => {
      this.exit = { code, signal };
    });
    this.channel.once('close', () => {
      this.context.released();
      this.onClose();
    });
  }

  private onData(chunk: Buffer): void {
    if (this.settled) return;
    const { command, node } = this.context;
    this.stdoutBytes += chunk.length;
    if (this.stdoutBytes > command.maxBytes) {
      this.stop(new TriageError('limit-exceeded', `${command.name} on node ${node} printed more than ${command.maxBytes} bytes and was stopped`));
      return;
    }
    if (!this.stdout.write(chunk)) {
      this.hold();
      this.stdout.once('drain', () => this.release());
    }
    const waitMs = this.context.bandwidth.spend(chunk.length);
    if (waitMs > 0) {
      this.hold();
      this.waiting = setTimeout(() => this.release(), waitMs);
    }
  }

  /** Stops reading; the node's end blocks as soon as the channel's window (2 MiB in ssh2) is used up. */
  private hold(): void {
    this.holds += 1;
    this.channel.pause();
  }

  private release(): void {
    this.holds -= 1;
    if (this.holds === 0 && !this.settled) this.channel.resume();
  }

  /** The output ends well only once the node has said how the command ended: a cut connection looks like an end, too. */
  private onClose(): void {
    if (this.settled) return;
    const { command, node } = this.context;
    const error =
      this.exit === undefined
        ? new TriageError('node-unreachable', `the connection to node ${node} was lost while ${command.name} ran`)
        : endingError({ ...this.context, signal: this.exit.signal, outcome: this.outcome(this.exit.code) });
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    this.settled = true;
    this.stdout.end();
    this.resolve(this.outcome(this.exit?.code ?? null));
  }

  private outcome(exitCode: number | null): CommandOutcome {
    return {
      exitCode,
      stderr: this.stderr.text(),
      stdoutBytes: this.stdoutBytes,
      durationMs: Math.round(performance.now() - this.startedAt),
    };
  }
}
