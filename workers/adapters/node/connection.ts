import type { Client, ClientChannel } from 'ssh2';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { NodeRef } from '../../../playbooks/ports.js';
import { assertShell, probeLine } from './shell-probe.js';
import { openClient } from './ssh-client.js';
import type { SshConfig } from './ssh-config.js';

/** How long the end of a stopped command is waited for. */
const stopMs = 10_000;

/** The answer of an sshd that allows no more channels on this connection (RFC 4254, 5.1); the command has not begun. */
export class ChannelRefused extends TriageError {
  constructor(node: string, cause: Error) {
    super('node-unreachable', `node ${node} refuses to start a command: ${cause.message}`, { cause });
  }
}

/** One login, shared by several commands, closed after it has been idle for a while. */
export class Connection {
  private used = 0;
  private lost = false;
  private idle: NodeJS.Timeout | undefined;
  private stops: Promise<void> = Promise.resolve();

  private constructor(
    private readonly client: Client,
    private readonly node: NodeRef,
    private readonly idleMs: number,
  ) {}

  /** Logs in and proves that the login shell takes our quoting. Throws what {@link openClient} throws, and `shell-unsupported`. */
  static async open(node: NodeRef, config: SshConfig, onClose: (connection: Connection) => void): Promise<Connection> {
    const client = await openClient(node, config);
    const connection = new Connection(client, node, config.idleMs ?? 30_000);
    // Each pending exec listens for the close as well.
    client.setMaxListeners(32);
    // ssh2 emits errors of a running connection here; each channel is closed as well and tells its own story.
    client.on('error', () => undefined);
    client.once('close', () => {
      connection.lost = true;
      clearTimeout(connection.idle);
      onClose(connection);
    });
    try {
      await assertShell(await connection.exec(probeLine), node, config.connectTimeoutMs);
    } catch (error) {
      connection.end();
      throw error;
    }
    return connection;
  }

  /** Commands that have a place now. */
  get places(): number {
    return this.used;
  }

  /** Takes a place if fewer than `limit` are taken. */
  take(limit: number): boolean {
    if (this.lost || this.used >= limit) return false;
    clearTimeout(this.idle);
    this.used += 1;
    return true;
  }

  /** Gives a place back. */
  release(): void {
    this.used -= 1;
    if (this.used > 0 || this.lost) return;
    this.idle = setTimeout(() => this.end(), this.idleMs);
    this.idle.unref();
  }

  /** Starts a remote line. Throws `node-unreachable`; as {@link ChannelRefused} when there are too many on this connection. */
  exec(line: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        this.client.off('close', lost);
        if ('reason' in error && typeof error.reason === 'number') {
          reject(new ChannelRefused(this.node.name, error));
          return;
        }
        this.lost = true;
        reject(new TriageError('node-unreachable', `node ${this.node.name} does not start a command: ${error.message}`, { cause: error }));
      };
      const lost = (): void => failed(new Error('the connection was lost'));
      this.client.once('close', lost);
      try {
        this.client.exec(line, (error, channel) => {
          this.client.off('close', lost);
          if (error === undefined) resolve(channel);
          else failed(error);
        });
      } catch (error) {
        failed(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Ends a command on the node by a second one, and then its channel. Where that fails, the time limit on the node ends it. */
  stop(channel: ClientChannel, line: string): void {
    this.stops = this.stops
      .then(async () => ended(await this.exec(line)))
      .catch(() => undefined)
      .then(() => {
        channel.close();
        // What is still on its way is not read any more, but it must not hold up the close either.
        channel.resume();
        channel.stderr.resume();
      });
  }

  /** Waits until the commands that are being stopped have ended, then closes the connection. */
  async close(): Promise<void> {
    await this.stops;
    this.end();
  }

  private end(): void {
    this.lost = true;
    clearTimeout(this.idle);
    this.client.end();
  }
}

function ended(channel: ClientChannel): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      channel.close();
      resolve();
    }, stopMs);
    channel.on('error', () => undefined);
    channel.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    channel.resume();
    channel.stderr.resume();
    channel.end();
  });
}
