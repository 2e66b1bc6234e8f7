import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeRef } from '../../../playbooks/ports.js';
import type { SshConfig } from '../../../workers/adapters/node/ssh-config.js';

const quietly = { stdio: 'pipe' } as const;

/** A real sshd of our own on 127.0.0.1, with two host keys and root's login by one key. Needs root, as sshd itself does. */
export class TestSshd {
  readonly node: NodeRef = { cluster: 'test', name: 'test-node', address: '127.0.0.1' };
  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  /** `settings` are more lines of sshd_config. */
  static async start(settings: readonly string[] = []): Promise<TestSshd> {
    const folder = mkdtempSync(join(tmpdir(), 'podtriage-sshd-'));
    for (const type of ['ed25519', 'ecdsa', 'rsa']) execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(folder, `host_${type}`)]);
    for (const name of ['user', 'stranger']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
    const port = await freePort();
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    execFileSync('chmod', ['755', folder]);
    copyFileSync(join(folder, 'user.pub'), join(folder, 'authorized_keys'));
    const lines = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(folder, 'host_ed25519')}`,
      `HostKey ${join(folder, 'host_rsa')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PasswordAuthentication no',
      ...settings,
    ];
    writeFileSync(join(folder, 'sshd_config'), `${lines.join('\n')}\n`);
    const child = spawn(sshdPath(), ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
    await listening(child);
    const sshd = new TestSshd(folder, port, child);
    sshd.writeKnownHosts(`[test-node]:${port} ${sshd.hostKey('ed25519')}\n`);
    return sshd;
  }

  /** `TYPE BASE64` of one of the host keys made; sshd offers all but `ecdsa`. */
  hostKey(type: 'ed25519' | 'ecdsa' | 'rsa'): string {
    return readFileSync(join(this.folder, `host_${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  }

  writeKnownHosts(text: string): void {
    writeFileSync(join(this.folder, 'known_hosts'), text);
  }

  config(change: Partial<SshConfig> = {}): SshConfig {
    return {
      user: 'root',
      port: this.port,
      login: { privateKeyFile: join(this.folder, 'user') },
      knownHosts: join(this.folder, 'known_hosts'),
      sudo: ['sudo', '-n'],
      connectTimeoutMs: 10_000,
      keepaliveMs: 5_000,
      ...change,
    };
  }

  /** Kills the processes that serve the connections, as a cut of the network would end them; the listener stays. */
  cutConnections(): void {
    for (const pid of childrenOf(this.child.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
    }
  }

  connections(): number {
    return childrenOf(this.child.pid).length;
  }

  stop(): void {
    this.cutConnections();
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A throw-away account for what root can't show: sudo's refusals and other login shells. */
export class TestUser {
  private static made = 0;
  readonly name = `pt-test-${process.pid}-${(TestUser.made += 1)}`;
  private readonly sudoers = `/etc/sudoers.d/${this.name}`;

  constructor(shell: string, sudoRule?: string) {
    const { name } = this;
    execFileSync('useradd', ['--no-create-home', '--home-dir', '/', '--shell', shell, '--password', '*', name], quietly);
    if (sudoRule !== undefined) writeFileSync(this.sudoers, `${name} ${sudoRule}\n`, { mode: 0o440 });
  }

  remove(): void {
    rmSync(this.sudoers, { force: true });
    execFileSync('userdel', ['--force', this.name], quietly);
  }
}

/** Pids of processes whose whole command line contains `text`. */
export function processesWith(text: string): string[] {
  try {
    return execFileSync('pgrep', ['-f', '--', text], { encoding: 'utf8' }).trim().split('\n');
  } catch {
    return [];
  }
}

/** Waits until `condition` holds; fails after ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in ten seconds');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function sshdPath(): string {
  const path = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error('these tests need sshd: install openssh-server');
  return path;
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);
  } catch {
    return [];
  }
}

async function listening(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`sshd ended with ${String(code)}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.includes('Server listening')) resolve();
    });
  });
}
