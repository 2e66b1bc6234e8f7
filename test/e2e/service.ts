import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import supertest from 'supertest';
import type { RunView } from '../../store/run-view.js';
import { type Emulator, startVirusTotalEmulator } from '../emulators/virustotal.js';
import { readKnownFiles } from '../emulators/virustotal-files.js';
import { lab } from './lab.js';

const program = join(import.meta.dirname, '../../dist/cli/main.js');

/** podtriage as a user has it: a process, its data folder, VirusTotal behind HTTP. */
export class TestService {
  readonly data = mkdtempSync(join(tmpdir(), 'podtriage-e2e-'));
  private child: ChildProcess | undefined;
  private url = '';
  log = '';

  private constructor(
    readonly virusTotal: Emulator,
    private readonly env: Record<string, string>,
  ) {}

  /** Starts a service of its own; `env` overrides what the lab says. */
  static async start(env: Record<string, string> = {}): Promise<TestService> {
    const virusTotal = await startVirusTotalEmulator({
      keys: ['e2e-key'],
      perMinute: 100_000,
      perDay: 100_000,
      perMonth: 100_000,
      known: readKnownFiles(join(lab.expected, 'known-bad.json')),
    });
    const service = new TestService(virusTotal, env);
    writeFileSync(join(service.data, 'virustotal-key'), 'e2e-key\n', { mode: 0o600 });
    await service.spawn();
    return service;
  }

  /** The environment of service and command. */
  get environment(): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/root',
      PODTRIAGE_DATA: this.data,
      // Tests look more often than callers do.
      PODTRIAGE_REQUESTS_PER_MINUTE: '0',
      PODTRIAGE_PORT: '0',
      PODTRIAGE_KUBECONFIG: lab.kubeconfig,
      PODTRIAGE_SSH_USER: lab.ssh.users.sudo,
      PODTRIAGE_SSH_KEY: lab.ssh.key,
      PODTRIAGE_KNOWN_HOSTS: lab.ssh.knownHosts,
      PODTRIAGE_NERDCTL: lab.programs.nerdctl,
      PODTRIAGE_IN_CONTAINER: 'allowed',
      PODTRIAGE_CTR: lab.programs.ctr,
      PODTRIAGE_CONTAINERD_ADDRESS: lab.nodes[0]?.socket ?? '',
      PODTRIAGE_VT_URL: this.virusTotal.url,
      PODTRIAGE_VT_KEY_FILE: join(this.data, 'virustotal-key'),
      PODTRIAGE_VT_PER_MINUTE: '100000',
      PODTRIAGE_VT_PER_DAY: '100000',
      PODTRIAGE_VT_PER_MONTH: '100000',
      PODTRIAGE_URL: this.url,
      ...this.env,
    };
  }

  /** Starts the process, after a `kill` with other settings, too. */
  async spawn(more: Record<string, string> = {}): Promise<void> {
    Object.assign(this.env, more);
    const child = spawn(process.execPath, [program, 'serve'], { env: this.environment });
    this.child = child;
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      this.log += chunk.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    for (let tries = 0; tries < 1200; tries += 1) {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
      if (url !== undefined) {
        this.url = url;
        return;
      }
      if (child.exitCode !== null) throw new Error(`serve ended: ${said}`);
      await sleep(50);
    }
    throw new Error(`serve does not listen: ${said}`);
  }

  /** The hard way: nothing is handed back. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await this.virusTotal.close();
    rmSync(this.data, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get redis(): Redis {
    return new Redis({ path: join(this.data, 'redis.sock'), maxRetriesPerRequest: null });
  }

  api(path: string): Promise<supertest.Response> {
    return supertest(this.url)
      .get(`/api/v1${path}`)
      .set('Authorization', `Bearer ${this.key}`)
      .then((answer) => answer);
  }

  post(path: string, body: object): Promise<supertest.Response> {
    return supertest(this.url)
      .post(`/api/v1${path}`)
      .set('Authorization', `Bearer ${this.key}`)
      .send(body)
      .then((answer) => answer);
  }

  private get key(): string {
    return readFileSync(join(this.data, 'api-key'), 'utf8').trim();
  }

  /** Starts a run and gives its id. */
  async open(pod: string, more: { playbook?: string; namespace?: string; container?: string; options?: object } = {}): Promise<string> {
    const { namespace = lab.namespace, container, ...rest } = more;
    const answer = await this.post('/runs', { target: { namespace, pod, ...(container === undefined ? {} : { container }) }, ...rest });
    if (answer.status !== 202) throw new Error(`POST /runs answered ${answer.status}: ${answer.text}`);
    return (answer.body as RunView).id;
  }

  async run(id: string): Promise<RunView> {
    return (await this.api(`/runs/${id}`)).body as RunView;
  }

  /** Waits for the end of a run. */
  async ended(id: string, withinMs = 120_000): Promise<RunView> {
    const until = Date.now() + withinMs;
    for (;;) {
      const view = (await this.api(`/runs/${id}?wait=10`)).body as RunView;
      if (['completed', 'failed', 'cancelled'].includes(view.state)) return view;
      if (Date.now() > until) throw new Error(`run ${id} did not end: ${JSON.stringify(view)}`);
    }
  }

  async triage(pod: string, more: Parameters<TestService['open']>[1] = {}): Promise<RunView> {
    return this.ended(await this.open(pod, more));
  }

  /** All rows of a paged list of a run. */
  async rows<T>(id: string, what: 'changes' | 'artifacts' | 'lookups' | 'processes'): Promise<T[]> {
    const all: T[] = [];
    for (let cursor = ''; ; ) {
      const { body } = (await this.api(`/runs/${id}/${what}?limit=1000${cursor}`)) as { body: Record<string, T[]> & { next?: string } };
      all.push(...(body[what] ?? []));
      if (body.next === undefined) return all;
      cursor = `&cursor=${encodeURIComponent(body.next)}`;
    }
  }

  /** Runs the command as a user does. */
  async command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [program, ...args], { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout, stderr };
  }
}
