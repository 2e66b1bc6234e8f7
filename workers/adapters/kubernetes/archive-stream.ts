import { PassThrough } from 'node:stream';
import type { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import { displayText } from '../../../playbooks/domain/path-name.js';
import { StderrHead } from '../stderr-head.js';

/** The websocket as the library hands it over. */
export type ExecSocket = Awaited<ReturnType<WebSocketHandler['connect']>>;

const pingMs = 15_000;

/** How slow a sender may be before it is given up: a dead peer does not say so, and a hostile one drips. */
export interface Pace {
  /** No byte for so long, though we were ready for one. */
  readonly idleMs: number;
  /** What any transfer may take, beside the time for its bytes. */
  readonly startMs: number;
  readonly bytesPerSecond: number;
}
export const defaultPace: Pace = { idleMs: 60_000, startMs: 120_000, bytesPerSecond: 64 * 1024 };

/** What the API server says at the end of an exec (Kubernetes API, meta/v1 Status). */
const statusSchema = z.object({
  status: z.string(),
  message: z.string().default(''),
  details: z.object({ causes: z.array(z.object({ reason: z.string().default(''), message: z.string().default('') })).default([]) }).optional(),
});

/** Turns the channels of an exec (protocol v4/v5.channel.k8s.io) into a stream that ends well only after `Success`. */
export class ArchiveStream {
  readonly out = new PassThrough();
  private readonly stderr = new StderrHead();
  private socket: ExecSocket | undefined;
  private size = 0;
  private settled = false;
  private idle: NodeJS.Timeout | undefined;
  private ping: NodeJS.Timeout | undefined;
  private readonly since = performance.now();

  /** `name` is what messages call the command. */
  constructor(
    private readonly name: string,
    private readonly maxBytes: number,
    private readonly pace: Pace,
  ) {
    this.out.on('error', () => undefined);
    this.out.once('close', () => this.fail(new TriageError('cancelled', `${name}: its output was not wanted any more`)));
  }

  attach(socket: ExecSocket): void {
    this.socket = socket;
    if (this.settled) {
      socket.terminate();
      return;
    }
    if (this.out.writableNeedDrain) this.hold();
    socket.on('error', () => undefined);
    socket.once('close', () => this.fail(truncated(this.name, 'the connection ended without a status')));
    this.ping = setInterval(() => socket.ping(), pingMs);
    this.watch();
  }

  /** One message of a channel: 1 stdout, 2 stderr, 3 status. */
  take(channel: number, data: Buffer): void {
    if (this.settled) return;
    this.watch();
    if (channel === 1) this.takeOutput(data);
    else if (channel === 2) this.stderr.add(data);
    else if (channel === 3) this.takeStatus(data);
  }

  /** Ends the transfer with an error; the first one counts. */
  fail(error: TriageError): void {
    if (this.settled) return;
    this.settle();
    this.out.destroy(error);
  }

  private takeOutput(data: Buffer): void {
    this.size += data.length;
    if (this.size > this.maxBytes) {
      this.fail(new TriageError('limit-exceeded', `${this.name} sent more than ${this.maxBytes} bytes and was stopped`));
      return;
    }
    if (!this.out.write(data)) this.hold();
  }

  /** The library does not heed back-pressure; pausing the socket makes the sender wait. */
  private hold(): void {
    const socket = this.socket;
    if (socket === undefined || socket.isPaused) return;
    socket.pause();
    clearTimeout(this.idle);
    this.out.once('drain', () => {
      if (this.settled) return;
      socket.resume();
      this.watch();
    });
  }

  private takeStatus(data: Buffer): void {
    const status = parseStatus(data);
    if (status?.status === 'Success') {
      this.settle();
      this.out.end();
      return;
    }
    const code = status?.details?.causes.find(({ reason }) => reason === 'ExitCode')?.message;
    const how = code === undefined ? displayText(status?.message ?? 'an answer without meaning') : `exit status ${displayText(code)}`;
    this.fail(new TriageError('command-failed', `${this.name} failed, ${how}: ${this.stderr.text() || 'it said nothing'}`));
  }

  private watch(): void {
    clearTimeout(this.idle);
    if (this.socket === undefined || this.settled || this.out.writableNeedDrain) return;
    const { idleMs, startMs, bytesPerSecond } = this.pace;
    const leftMs = startMs + (this.size * 1000) / bytesPerSecond - (performance.now() - this.since);
    const why = leftMs < idleMs ? `too slow: ${this.size} bytes until now` : `nothing came for ${idleMs / 1000} s`;
    this.idle = setTimeout(() => this.fail(new TriageError('timeout', `${this.name}: ${why}`)), Math.min(idleMs, leftMs));
  }

  private settle(): void {
    this.settled = true;
    clearTimeout(this.idle);
    clearInterval(this.ping);
    this.socket?.terminate();
  }
}

function parseStatus(data: Buffer): z.output<typeof statusSchema> | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(data.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

function truncated(name: string, why: string): TriageError {
  return new TriageError('transfer-truncated', `${name}: ${why}; what came so far does not count`);
}
