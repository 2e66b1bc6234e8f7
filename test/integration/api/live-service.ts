import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCommand } from '../cli/command.js';
import { RedisChild } from '../engine/redis-child.js';
import { ApiDouble } from '../kubernetes/api-double.js';

/** podtriage as a user has it, API and workers, as a process on a Redis of its own. Its cluster has no pods: every run fails, with a report. */
export class LiveService {
  url = '';
  private child: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    private readonly redis: RedisChild,
    private readonly cluster: ApiDouble,
  ) {}

  /** @param files of the configuration, by the setting that names them */
  static async start(files: Readonly<Record<string, string>> = {}, settings: Readonly<Record<string, string>> = {}): Promise<LiveService> {
    const folder = mkdtempSync(join(tmpdir(), 'podtriage-live-'));
    const service = new LiveService(folder, await RedisChild.start(), await ApiDouble.start());
    const named = Object.entries(files).map(([name, content]) => {
      const file = join(folder, `${name.toLowerCase()}.yaml`);
      writeFileSync(file, content, { mode: 0o600 });
      return [name, file] as const;
    });
    await service.spawn({ ...Object.fromEntries(named), ...settings });
    return service;
  }

  private async spawn(settings: Readonly<Record<string, string>>): Promise<void> {
    const command = startCommand(['serve'], {
      PODTRIAGE_DATA: this.folder,
      PODTRIAGE_PORT: '0',
      PODTRIAGE_REQUESTS_PER_MINUTE: '0',
      REDIS_URL: this.redis.socket,
      PODTRIAGE_KUBECONFIG: this.cluster.kubeconfig(),
      ...settings,
    });
    this.child = command.child;
    this.child.stdout?.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    while (!this.log.includes('the workers are ready') || !/http:\/\/127\.0\.0\.1:\d+/.test(this.said(command.said()))) {
      if (command.child.exitCode !== null) throw new Error(`serve ended: ${command.said()}${this.log}`);
      await sleep(50);
    }
    this.url = /http:\/\/127\.0\.0\.1:\d+/.exec(this.said(command.said()))?.[0] ?? '';
  }

  /** All that it has logged. */
  log = '';

  private said(more: string): string {
    return more + this.log;
  }

  /** The key that the service has made for who sits at it. */
  get key(): string {
    return readFileSync(join(this.folder, 'api-key'), 'utf8').trim();
  }

  async send(method: string, path: string, body?: object): Promise<Response> {
    const headers = { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    return fetch(`${this.url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }

  /** Opens a run and waits until it has ended. Returns its id. */
  async endedRun(pod = 'web-0'): Promise<string> {
    const opened = await this.send('POST', '/api/v1/runs', { target: { namespace: 'shop', pod } });
    const { id } = (await opened.json()) as { id: string };
    for (let tries = 0; tries < 60; tries += 1) {
      const { state } = (await (await this.send('GET', `/api/v1/runs/${id}?wait=2`)).json()) as { state: string };
      if (['completed', 'failed', 'cancelled'].includes(state)) return id;
    }
    throw new Error(`run ${id} does not end: ${this.log}`);
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    await this.cluster.stop();
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
