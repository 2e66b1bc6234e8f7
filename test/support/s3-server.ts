import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Place } from '../../store/evidence/s3-client.js';

const cache = process.env['PODTRIAGE_LAB'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'podtriage-lab');
const program = join(cache, 'bin', 'versitygw');
const keyId = 'test-key';
const secret = 'test-secret';

/** A real server of S3 (versitygw) of the test's own, which keeps objects as files of a temporary folder. */
export class S3Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'podtriage-s3-'));
  readonly bucket = 'evidence';
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly versions: boolean,
  ) {}

  /** @param versions whether buckets can keep versions */
  static async start({ versions = false } = {}): Promise<S3Server> {
    if (!existsSync(program)) throw new Error(`there is no ${program}; run: test/lab/lab build tests`);
    const server = new S3Server(await freePort(), versions);
    for (const name of ['data', 'data/evidence', 'meta', 'versions', 'staging']) mkdirSync(join(server.folder, name));
    writeFileSync(server.credentials, `${keyId} ${secret}\n`, { mode: 0o600 });
    await server.spawn();
    return server;
  }

  /** Its file of credentials. */
  get credentials(): string {
    return join(this.folder, 'credentials');
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A folder for bytes on their way. */
  get staging(): string {
    return join(this.folder, 'staging');
  }

  /** Where a client finds it. */
  place(more: Partial<S3Place> = {}): S3Place {
    return { bucket: this.bucket, prefix: '', endpoint: this.endpoint, region: 'us-east-1', credentialsFile: this.credentials, ...more };
  }

  /** The file behind a key. */
  fileOf(key: string): string {
    return join(this.folder, 'data', this.bucket, key);
  }

  /** All keys, sorted. */
  keys(): string[] {
    const root = join(this.folder, 'data', this.bucket);
    const all = readdirSync(root, { recursive: true, encoding: 'utf8' });
    return all.filter((name) => !name.startsWith('.sgwtmp') && statSync(join(root, name)).isFile()).sort();
  }

  /** Ends it the hard way. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Lets it stand still, or go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(name);
  }

  /** Starts it again on the same data and port. */
  async spawn(): Promise<void> {
    const options = ['--port', `127.0.0.1:${this.port}`, '--access', keyId, '--secret', secret, '--quiet', '--keep-alive'];
    // Not every file system of a test machine has extended attributes.
    const versioning = this.versions ? ['--versioning-dir', join(this.folder, 'versions')] : [];
    const backend = ['posix', '--sidecar', join(this.folder, 'meta'), ...versioning, join(this.folder, 'data')];
    const child = spawn(program, [...options, ...backend], { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for (let tries = 0; tries < 500; tries += 1) {
      if (child.exitCode !== null) throw new Error(`versitygw ended: ${said}`);
      if (await answers(this.endpoint)) return;
      await sleep(20);
    }
    throw new Error(`versitygw does not answer: ${said}`);
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
