import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { defaultPrefix } from '../../../store/keys.js';
import { queueNames } from '../../../store/queue-names.js';
import type { RunView } from '../../../store/run-view.js';
import { RedisChild } from '../engine/redis-child.js';
import { ApiDouble } from '../kubernetes/api-double.js';
import { type RunningCommand, startCommand } from './command.js';

const run = promisify(execFile);
let folder: string;
let redis: RedisChild;
let cluster: ApiDouble;
let service: RunningCommand;
let api: string;
let worker: string;
let headers: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-metrics-'));
  redis = await RedisChild.start();
  cluster = await ApiDouble.start();
  service = startCommand(['serve'], {
    REDIS_URL: redis.socket,
    PODTRIAGE_DATA: folder,
    PODTRIAGE_PORT: '0',
    PODTRIAGE_WORKER_PORT: '0',
    PODTRIAGE_KUBECONFIG: cluster.kubeconfig(),
  });
  let log = '';
  service.child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await service.says('\nevidence: ');
  api = /http:\/\/127\.0\.0\.1:\d+/.exec(service.said())?.[0] ?? '';
  const port = (): string | undefined => /"port":(\d+),"msg":"the workers tell/.exec(log)?.[1];
  await vi.waitFor(() => expect(port()).toBeDefined(), { timeout: 30_000 });
  worker = `http://127.0.0.1:${port()}`;
  headers = { authorization: `Bearer ${readFileSync(join(folder, 'api-key'), 'utf8').trim()}`, 'content-type': 'application/json' };
});

afterAll(async () => {
  service.child.kill('SIGTERM');
  await service.outcome;
  await cluster.stop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What `promtool check metrics` says of a page: nothing when all is well. */
async function promtool(page: string): Promise<string> {
  const child = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stdin.end(page);
  const code = await new Promise((resolve) => child.once('close', resolve));
  return `${said.join('')}${code === 0 ? '' : `status ${String(code)}`}`;
}

/** The value of one line of a page. */
function valueOf(page: string, name: string): number {
  const line = page.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

async function pageOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`, { headers });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return answer.text();
}

test('metrics need a key, and say in words that Prometheus takes how the installation stands', async () => {
  expect((await fetch(`${api}/metrics`)).status).toBe(401);
  const opened = await fetch(`${api}/api/v1/runs`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ target: { namespace: 'shop', pod: 'web-0' } }),
  });
  const { id } = (await opened.json()) as RunView;
  const state = async (): Promise<string> => ((await (await fetch(`${api}/api/v1/runs/${id}`, { headers })).json()) as RunView).state;
  await expect.poll(state, { timeout: 60_000 }).toBe('failed');

  const ended = (): Promise<number> => pageOf(api).then((page) => valueOf(page, 'podtriage_runs{state="failed"}'));
  await expect.poll(ended, { timeout: 20_000, interval: 1_000 }).toBe(1);
  const page = await pageOf(api);
  expect(await promtool(page)).toBe('');
  expect(valueOf(page, 'podtriage_store_up')).toBe(1);
  expect(valueOf(page, 'podtriage_runs{state="completed"}')).toBe(0);
  expect(valueOf(page, 'podtriage_queue_jobs{queue="node.default",state="waiting"}')).toBe(0);
  expect(valueOf(page, 'podtriage_queue_oldest_job_age_seconds{queue="cluster.default"}')).toBe(0);
  expect(valueOf(page, 'podtriage_step_duration_seconds_count{step="locate-node",status="failed"}')).toBe(1);
  expect(valueOf(page, 'podtriage_step_duration_seconds_count{step="write-report",status="succeeded"}')).toBe(1);
  expect(page).toMatch(/^process_cpu_seconds_total \d/m);
  expect(page).not.toContain('web-0');
});

test('workers tell of themselves at a port of their own, and of nothing else', async () => {
  expect(await promtool(await pageOf(worker))).toBe('');
  const ask = async (path: string, method = 'GET'): Promise<number> => (await fetch(`${worker}${path}`, { method })).status;
  expect(await Promise.all([ask('/healthz'), ask('/readyz?x=1'), ask('/api/v1/runs'), ask('/metrics', 'POST')])).toEqual([200, 200, 404, 405]);
});

test('every queue that is there is one that the metrics know', async () => {
  const client = new Redis({ path: redis.socket });
  const found = (await client.keys(`${defaultPrefix}:*:meta`)).map((key) => key.slice(defaultPrefix.length + 1, -':meta'.length));
  client.disconnect();
  expect(found).toContain('node.default');
  for (const name of found) expect(queueNames(['default'])).toContain(name);
});

test('while Redis stands still, workers are not ready', async () => {
  const frozen = redis.freeze(6_000);
  await expect.poll(async () => (await fetch(`${worker}/readyz`)).status, { timeout: 10_000 }).toBe(503);
  await frozen;
  await expect.poll(async () => (await fetch(`${worker}/readyz`)).status, { timeout: 20_000 }).toBe(200);
});

test('promtool would say what is wrong', async () => {
  expect(await promtool('# HELP wrong_total Some.\n# TYPE wrong_total gauge\nwrong_total 1\n')).toContain('_total');
  await expect(run('promtool', ['--version'])).resolves.toBeDefined();
});
