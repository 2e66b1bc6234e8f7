import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { NodeRef } from '../../../playbooks/ports.js';
import type { SshConfig } from '../../../workers/adapters/node/ssh-config.js';
import type { SshNodes } from '../../../workers/adapters/node/ssh-nodes.js';
import { createSshNodes } from '../../../workers/adapters/node/ssh-nodes.js';
import { freePort, TestSshd, TestUser, until } from './sshd.js';

let sshd: TestSshd;
const opened: SshNodes[] = [];
const signal = new AbortController().signal;

beforeAll(async () => {
  sshd = await TestSshd.start();
});
afterAll(() => sshd.stop());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nodes) => nodes.close()));
  sshd.writeKnownHosts(`[test-node]:${sshd.port} ${sshd.hostKey('ed25519')}\n`);
});

function nodesWith(change: Partial<SshConfig> = {}): SshNodes {
  const nodes = createSshNodes(sshd.config(change));
  opened.push(nodes);
  return nodes;
}

async function refusal(change: Partial<SshConfig> = {}, node: Partial<NodeRef> = {}): Promise<{ code: string; message: string }> {
  const outcome = await nodesWith(change)
    .connect({ ...sshd.node, ...node }, signal)
    .then(
      () => ({ code: 'none', message: 'connected' }),
      (error: unknown) => error,
    );
  return outcome as { code: string; message: string };
}

describe('whose host key is taken', () => {
  test('a key that stands under the node name is taken, whatever the address', async () => {
    await expect(nodesWith().connect(sshd.node, signal)).resolves.toBeDefined();
  });

  test('every key type that the file knows is taken', async () => {
    sshd.writeKnownHosts(`[test-node]:${sshd.port} ${sshd.hostKey('rsa')}\n`);
    await expect(nodesWith().connect(sshd.node, signal)).resolves.toBeDefined();
  });

  test('a hashed name is found', async () => {
    execFileSync('ssh-keygen', ['-H', '-f', join(sshd.folder, 'known_hosts')], { stdio: 'pipe' });
    await expect(nodesWith().connect(sshd.node, signal)).resolves.toBeDefined();
  });

  test('another key of a known type is refused', async () => {
    const { pub } = strangerKey();
    sshd.writeKnownHosts(`test-node ${pub}\n`);
    expect(await refusal()).toMatchObject({ code: 'host-key-mismatch', message: expect.stringContaining('has another key') as string });
  });

  test('a node without any key of a known type is refused', async () => {
    sshd.writeKnownHosts(`test-node ${sshd.hostKey('ecdsa')}\n`);
    expect(await refusal()).toMatchObject({ code: 'host-key-mismatch', message: expect.stringContaining('ecdsa-sha2-nistp256') as string });
  });

  test('a revoked key is refused although it stands there as well', async () => {
    sshd.writeKnownHosts(`test-node ${sshd.hostKey('ed25519')}\n@revoked * ${sshd.hostKey('ed25519')}\n`);
    expect(await refusal()).toMatchObject({ code: 'host-key-mismatch', message: expect.stringContaining('revoked') as string });
  });

  test('an unknown node is refused with the line to add and the fingerprint that it shows', async () => {
    const error = await refusal({}, { name: 'new-node' });
    const blob = Buffer.from(sshd.hostKey('ed25519').split(' ')[1]!, 'base64');
    expect(error.code).toBe('host-key-mismatch');
    expect(error.message).toContain(`[new-node]:${sshd.port} ${sshd.hostKey('ed25519')}`);
    expect(error.message).toContain(createHash('sha256').update(blob).digest('base64').replace('=', ''));
  });

  test('the line that the refusal names is all that is missing', async () => {
    const line = /add this line: (.*)$/.exec((await refusal({}, { name: 'new-node' })).message)?.[1];
    sshd.writeKnownHosts(`${line!}\n`);
    await expect(nodesWith().connect({ ...sshd.node, name: 'new-node' }, signal)).resolves.toBeDefined();
  });

  test('the address of a node is no name for it', async () => {
    sshd.writeKnownHosts(`[127.0.0.1]:${sshd.port} ${sshd.hostKey('ed25519')}\n`);
    expect(await refusal()).toMatchObject({ code: 'host-key-mismatch' });
  });

  test('a missing known_hosts file is a matter of configuration', async () => {
    expect(await refusal({ knownHosts: join(sshd.folder, 'nowhere') })).toMatchObject({ code: 'config-invalid' });
  });
});

describe('who is let in', () => {
  test('a key that the node does not know names user and key file', async () => {
    const file = join(sshd.folder, 'stranger');
    const error = await refusal({ login: { privateKeyFile: file } });
    expect(error.code).toBe('node-auth-failed');
    expect(error.message).toContain('"root"');
    expect(error.message).toContain(file);
  });

  test('a user that the node does not have is refused', async () => {
    expect(await refusal({ user: 'nobody-here' })).toMatchObject({
      code: 'node-auth-failed',
      message: expect.stringContaining('nobody-here') as string,
    });
  });

  test('a key file that is missing or is no key is said so', async () => {
    expect(await refusal({ login: { privateKeyFile: join(sshd.folder, 'none') } })).toMatchObject({ code: 'node-auth-failed' });
    writeFileSync(join(sshd.folder, 'junk'), 'no key');
    expect(await refusal({ login: { privateKeyFile: join(sshd.folder, 'junk') } })).toMatchObject({ code: 'node-auth-failed' });
  });

  test('a key in an agent opens the node, and an agent that is not there does not', async () => {
    const socket = join(sshd.folder, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      await until(() => execFileSync('ls', [sshd.folder], { encoding: 'utf8' }).includes('agent'));
      execFileSync('ssh-add', ['-q', join(sshd.folder, 'user')], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'pipe' });
      await expect(nodesWith({ login: { agentSocket: socket } }).connect(sshd.node, signal)).resolves.toBeDefined();
    } finally {
      agent.kill();
    }
    expect(await refusal({ login: { agentSocket: join(sshd.folder, 'no-agent') } })).toMatchObject({ code: 'node-auth-failed' });
  });
});

describe('what cannot be reached', () => {
  test('a port that nobody listens on', async () => {
    const port = await freePort();
    expect(await refusal({ port })).toMatchObject({ code: 'node-unreachable', message: expect.stringContaining(`port ${port}`) as string });
  });

  test('a name that does not resolve', async () => {
    expect(await refusal({}, { address: 'no-such-host.invalid' })).toMatchObject({ code: 'node-unreachable' });
  });

  test('a listener that says nothing, after the connect timeout', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address() as { port: number };
    expect(await refusal({ port: address.port, connectTimeoutMs: 300 })).toMatchObject({ code: 'node-unreachable' });
    silent.close();
  });

  test('an aborted connect ends with the reason of the abort', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address() as { port: number };
    const abort = new AbortController();
    const connecting = nodesWith({ port: address.port, connectTimeoutMs: 1_000 }).connect(sshd.node, abort.signal);
    abort.abort(new Error('enough'));
    await expect(connecting).rejects.toMatchObject({ code: 'cancelled', message: expect.stringContaining('enough') as string });
    silent.close();
  });
});

describe('login shells', () => {
  test.each(['/usr/sbin/nologin', '/bin/echo', '/bin/rbash'])('%s is refused as a shell that does not run our lines as they are', async (shell) => {
    const user = new TestUser(shell);
    try {
      expect(await refusal({ user: user.name })).toMatchObject({ code: 'shell-unsupported' });
    } finally {
      user.remove();
    }
  });
});

describe('connections', () => {
  test('sessions of one node share a connection, and an idle one is closed', async () => {
    const nodes = nodesWith({ idleMs: 200 });
    await until(() => sshd.connections() === 0);
    await Promise.all([nodes.connect(sshd.node, signal), nodes.connect(sshd.node, signal), nodes.connect(sshd.node, signal)]);
    expect(sshd.connections()).toBe(1);
    await until(() => sshd.connections() === 0);
  });

  test('hold no packet back for an answer, from the first packet of the login on', async () => {
    const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
    let atFirst = 0;
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', () => {
          atFirst = noDelay.mock.calls.length;
          socket.destroy();
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await refusal({ port })).toMatchObject({ code: 'node-unreachable' });
    expect(atFirst).toBe(1);
    expect(noDelay).toHaveBeenLastCalledWith(true);
    noDelay.mockRestore();
    server.close();
  });
});

function strangerKey(): { pub: string } {
  const file = join(sshd.folder, `stranger-host-${Math.random()}`);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  return { pub: execFileSync('cut', ['-d', ' ', '-f', '1,2', `${file}.pub`], { encoding: 'utf8' }).trim() };
}
