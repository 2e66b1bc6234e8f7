import { orAbort } from '../../../playbooks/domain/abort.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { NodeRef } from '../../../playbooks/ports.js';
import { Bandwidth } from './bandwidth.js';
import { Connection } from './connection.js';
import type { SshConfig } from './ssh-config.js';

/** The connections to one node. One at a time is opened, and whoever waits for it shares its fate. */
export class NodePool {
  readonly bandwidth: Bandwidth;
  private readonly connections = new Set<Connection>();
  private opening: Promise<void> | undefined;
  private closed = false;
  /** Commands on one connection; leaves room below the MaxSessions 10 that sshd has by default (sshd_config(5)) for stopping them. */
  private limit = 8;

  constructor(
    private readonly node: NodeRef,
    private readonly config: SshConfig,
  ) {
    this.bandwidth = new Bandwidth(config.bandwidth ?? 0);
  }

  /** A connection with a place taken on it; the caller releases it. Throws what {@link Connection.open} throws, or the signal's reason. */
  async acquire(signal: AbortSignal): Promise<Connection> {
    while (true) {
      if (this.closed) throw new TriageError('cancelled', `no more commands on node ${this.node.name}: podtriage is stopping`);
      for (const connection of this.connections) if (connection.take(this.limit)) return connection;
      await orAbort(this.open(), signal);
    }
  }

  /** Learns from a refused channel how many this sshd allows; one place stays free for stopping. */
  refused(connection: Connection): void {
    this.limit = Math.max(1, Math.min(this.limit, connection.places - 2));
  }

  /** Ends all connections, once the commands that are being stopped have ended. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.connections].map((connection) => connection.close()));
  }

  private open(): Promise<void> {
    this.opening ??= this.openOne().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async openOne(): Promise<void> {
    const connection = await Connection.open(this.node, this.config, (closed) => this.connections.delete(closed));
    this.connections.add(connection);
    if (this.closed) await connection.close();
  }
}
