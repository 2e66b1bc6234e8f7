import { readFile } from 'node:fs/promises';
import type { Client, ConnectConfig } from 'ssh2';
// ssh2 is CommonJS, and Node finds no named exports in it.
import ssh2 from 'ssh2';
import { TriageError } from '../../../playbooks/domain/error.js';
import { displayText } from '../../../playbooks/domain/path-name.js';
import type { NodeRef } from '../../../playbooks/ports.js';
import { HostKeyCheck } from './host-key-check.js';
import type { SshConfig } from './ssh-config.js';
import { loginName } from './ssh-config.js';

/** Logs in. Throws `node-unreachable`, `host-key-mismatch`, `node-auth-failed` or `config-invalid`. */
export async function openClient(node: NodeRef, config: SshConfig): Promise<Client> {
  const check = await HostKeyCheck.forNode(config.knownHosts, node.name, config.port);
  const secret = await secretOf(config);
  const client = new ssh2.Client();
  try {
    await new Promise<void>((resolve, reject) => {
      // Nagle's algorithm would hold a packet for the node's delayed answer to the one before: 40 ms a login, and a command.
      client.once('connect', () => client.setNoDelay(true));
      client.once('ready', resolve);
      client.on('error', reject);
      client.once('close', () => reject(new Error('the connection was closed before the login was complete')));
      client.connect({
        host: node.address,
        port: config.port,
        username: config.user,
        ...secret,
        hostVerifier: (key: Buffer) => check.verify(key),
        algorithms: { serverHostKey: check.algorithms() },
        readyTimeout: config.connectTimeoutMs,
        keepaliveInterval: config.keepaliveMs,
        keepaliveCountMax: 3,
      });
    });
    return client;
  } catch (error) {
    client.destroy();
    throw connectError(error, node, config, check);
  }
}

/** One way of logging in only: a server that counts attempts must not lock us out. */
async function secretOf(config: SshConfig): Promise<Pick<ConnectConfig, 'privateKey' | 'agent' | 'authHandler'>> {
  if ('agentSocket' in config.login) return { agent: config.login.agentSocket, authHandler: ['agent'] };
  const file = config.login.privateKeyFile;
  const privateKey = await readFile(file).catch((error: unknown) => {
    throw new TriageError('node-auth-failed', `the private key cannot be read: ${String(error)}`, { cause: error });
  });
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) {
    throw new TriageError(
      'node-auth-failed',
      `${file} is no usable private key (${parsed.message}); a key with a passphrase belongs in an ssh-agent`,
    );
  }
  return { privateKey, authHandler: ['publickey'] };
}

function connectError(error: unknown, node: NodeRef, config: SshConfig, check: HostKeyCheck): TriageError {
  const refusal = check.refusal();
  if (refusal !== undefined) return refusal;
  const text = displayText(error instanceof Error ? error.message : String(error));
  if (/no matching host key format/.test(text)) return check.noCommonType();
  const level = error instanceof Error && 'level' in error ? error.level : undefined;
  if (level === 'client-authentication' || level === 'agent') {
    return new TriageError(
      'node-auth-failed',
      `node ${node.name} refused user "${config.user}" with ${loginName(config)}: add its public key to that user's authorized_keys on the node (${text})`,
      { cause: error },
    );
  }
  return new TriageError('node-unreachable', `node ${node.name} cannot be reached at ${node.address} port ${config.port}: ${text}`, {
    cause: error,
  });
}
