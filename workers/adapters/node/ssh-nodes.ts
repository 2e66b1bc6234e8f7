import type { ClientChannel } from 'ssh2';
import { orAbort } from '../../../playbooks/domain/abort.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { NodeCommand, NodePort, NodeRef, NodeSession, RunningCommand, StepLog } from '../../../playbooks/ports.js';
import { runChannel } from './channel-command.js';
import type { Connection } from './connection.js';
import { ChannelRefused } from './connection.js';
import { NodePool } from './node-pool.js';
import type { RemoteLine } from './remote-line.js';
import { remoteLine, usesSudo } from './remote-line.js';
import type { SshConfig } from './ssh-config.js';

/** Nodes over SSH, and the end of all connections. */
export interface SshNodes extends NodePort {
  /** Waits until the commands that are being stopped have ended on their nodes; what still runs is cut off. */
  close(): Promise<void>;
}

/**
 * Nodes by SSH. Connections are shared by all sessions of a node, eight commands on each, and closed after they were idle for `idleMs`.
 * Host keys are looked up by node name, never by address.
 */
export function createSshNodes(config: SshConfig, log?: StepLog): SshNodes {
  const pools = new Map<string, NodePool>();
  return {
    async connect(node: NodeRef, signal: AbortSignal): Promise<NodeSession> {
      const key = JSON.stringify([node.cluster, node.name, node.address]);
      const pool = pools.get(key) ?? new NodePool(node, config);
      pools.set(key, pool);
      const connection = await pool.acquire(signal);
      connection.release();
      log?.info({ node: node.name, address: node.address }, 'connected to the node');
      return new SshSession(node, pool, config);
    },
    async close(): Promise<void> {
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}

class SshSession implements NodeSession {
  private readonly closed = new AbortController();

  constructor(
    readonly node: NodeRef,
    private readonly pool: NodePool,
    private readonly config: SshConfig,
  ) {}

  async start(command: NodeCommand, signal: AbortSignal): Promise<RunningCommand> {
    const line = remoteLine(command, this.config);
    const either = AbortSignal.any([signal, this.closed.signal]);
    const { channel, connection } = await openChannel(this.pool, line, either);
    const context = {
      command,
      node: this.node.name,
      user: this.config.user,
      sudo: usesSudo(command, this.config),
      bandwidth: this.pool.bandwidth,
      stop: () => connection.stop(channel, line.stop),
      released: () => connection.release(),
    };
    return runChannel(channel, context, either);
  }

  /** What the session still runs is stopped. */
  close(): Promise<void> {
    this.closed.abort(new TriageError('cancelled', `the session on node ${this.node.name} was closed`));
    return Promise.resolve();
  }
}

interface OpenChannel {
  readonly channel: ClientChannel;
  readonly connection: Connection;
}

/** A connection that was idle may have died unnoticed, or allow fewer channels than most do: then again on another one. */
async function openChannel(pool: NodePool, line: RemoteLine, signal: AbortSignal): Promise<OpenChannel> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openOnce(pool, line, signal);
    } catch (error) {
      if (tries === 3 || signal.aborted || !(error instanceof TriageError) || error.code !== 'node-unreachable') throw error;
    }
  }
}

async function openOnce(pool: NodePool, line: RemoteLine, signal: AbortSignal): Promise<OpenChannel> {
  const connection = await pool.acquire(signal);
  const opening = connection.exec(line.run);
  try {
    return { channel: await orAbort(opening, signal), connection };
  } catch (error) {
    if (signal.aborted) {
      opening.then((channel) => giveUp(channel, connection, line)).catch(() => connection.release());
    } else {
      if (error instanceof ChannelRefused) pool.refused(connection);
      connection.release();
    }
    throw error;
  }
}

/** For a channel that opened after nobody wanted it any more. */
function giveUp(channel: ClientChannel, connection: Connection, line: RemoteLine): void {
  channel.on('error', () => undefined);
  channel.once('close', () => connection.release());
  connection.stop(channel, line.stop);
}
