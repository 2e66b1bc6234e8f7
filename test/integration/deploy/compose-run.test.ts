import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../../store/package-root.js';
import type { RunView } from '../../../store/run-view.js';
import { compose, composeText, interpolated } from '../../support/compose.js';
import { startCommand } from '../cli/command.js';
import { ApiDouble } from '../kubernetes/api-double.js';

const run = promisify(execFile);
const { services } = compose();
const children = new Map<string, ChildProcess>();
let folder: string;
let cluster: ApiDouble;
let ports: Record<'redis' | 'api' | 'worker', number>;
const said: Record<string, string> = {};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A text of a service as it reads on this machine: its folders are below the test's, its names and ports are those of the test. */
function here(name: string, text: string): string {
  return interpolated(text)
    .replaceAll('/run/secrets/', `${folder}/secrets/`)
    .replace(/\/run\/(trusted|settings|intakes|endpoints)/g, `${folder}/secrets/$1`)
    .replace(/(^|\s)\/data\b/g, `$1${folder}/${name}`)
    .replaceAll('redis:6379', `127.0.0.1:${ports.redis}`)
    .replace('redis-cli ', `redis-cli -p ${ports.redis} `)
    .replace('redis-server -', `redis-server - --port ${ports.redis} --bind 127.0.0.1`)
    .replace('7467', String(ports.api))
    .replace('7468', String(ports.worker))
    .replace('0.0.0.0', '127.0.0.1');
}

function environmentOf(name: string): Record<string, string> {
  const environment = Object.entries(services[name]!.environment).map(([variable, value]) => [variable, here(name, value)] as const);
  // Nobody's key is tried on the internet.
  return { ...Object.fromEntries(environment), ...optional(name), ...(name === 'worker' ? { PODTRIAGE_VT_URL: 'http://127.0.0.1:9/api/v3' } : {}) };
}

/** The settings that are there to be taken out of their comments. */
function optional(name: string): Record<string, string> {
  if (name === 'redis') return {};
  const lines = composeText().matchAll(/^ {2}# (PODTRIAGE_(?:INTAKES|ENDPOINTS|PUBLIC_URL)): (.*)$/gm);
  return Object.fromEntries(Array.from(lines, ([, variable = '', value = '']) => [variable, here(name, value)]));
}

function start(name: string): void {
  const command = services[name]!.command.map((word) => here(name, word));
  mkdirSync(join(folder, name), { mode: 0o700 });
  if (name !== 'redis') symlinkSync(join(folder, 'evidence'), join(folder, name, 'evidence'));
  const [program = '', ...args] = command;
  const child = name === 'redis' ? spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }) : startCommand(command, environmentOf(name)).child;
  children.set(name, child);
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said[name] = `${said[name] ?? ''}${chunk.toString()}`));
}

/** Whether the health check of a service passes, its own command on this machine. */
async function healthy(name: string): Promise<boolean> {
  const [kind = '', ...words] = services[name]!.healthcheck.test.map((word) => here(name, word));
  const command: [string, string[]] = kind === 'CMD-SHELL' ? ['sh', ['-c', ...words]] : [words[0] ?? '', words.slice(1)];
  return run(...command).then(
    () => true,
    () => false,
  );
}

const anyPod = JSON.stringify({ target: { namespace: 'shop', pod: 'web-0' } });
const url = (): string => `http://127.0.0.1:${ports.api}/api/v1/runs`;
const headers = (): Record<string, string> => ({
  authorization: `Bearer ${readFileSync(join(folder, 'api/api-key'), 'utf8').trim()}`,
  'content-type': 'application/json',
});

const isHealthy = (name: string) => expect.poll(() => healthy(name), { timeout: 100_000, interval: 500, message: said[name] ?? '' }).toBe(true);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-compose-'));
  mkdirSync(join(folder, 'evidence'), { mode: 0o700 });
  cluster = await ApiDouble.start();
  ports = { redis: await freePort(), api: await freePort(), worker: await freePort() };
  const secrets = join(folder, 'secrets');
  await run(join(packageRoot(), 'deploy/make-secrets'), [secrets]);
  copyFileSync(cluster.kubeconfig(), join(secrets, 'kubeconfig'));
  writeFileSync(join(secrets, 'intakes/intakes.yaml'), 'rules: [{ name: all, alertRules: ["*"], notify: [soar] }]');
  const soar = { name: 'soar', kind: 'webhook', url: 'https://soar.invalid/hook', secretFile: `${secrets}/endpoints/soar` };
  writeFileSync(join(secrets, 'settings/endpoints.yaml'), JSON.stringify({ endpoints: [soar] }));
  writeFileSync(join(secrets, 'endpoints/soar'), `whsec_${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o600 });
  for (const name of ['ssh_key', 'known_hosts', 'virustotal_key']) writeFileSync(join(secrets, name), `${'k'.repeat(64)}\n`, { mode: 0o600 });
});

afterAll(async () => {
  for (const child of children.values()) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the services of docker-compose.yml, as processes, become healthy and take a run to its end', { timeout: 240_000 }, async () => {
  start('redis');
  await isHealthy('redis');
  const [arguments_] = [readFileSync(`/proc/${children.get('redis')?.pid}/cmdline`, 'latin1')];
  const password = readFileSync(join(folder, 'secrets/redis_password'), 'utf8').trim();
  expect(arguments_).not.toContain(password);
  const stranger = new Redis({ port: ports.redis, host: '127.0.0.1', retryStrategy: () => null });
  stranger.on('error', () => undefined);
  await expect(stranger.get('x')).rejects.toThrow(/NOAUTH/);
  stranger.disconnect();

  start('api');
  start('worker');
  await Promise.all([isHealthy('api'), isHealthy('worker')]);
  const opened = await fetch(url(), { method: 'POST', headers: headers(), body: anyPod });
  expect(opened.status, said['api']).toBe(202);
  const { id } = (await opened.json()) as RunView;
  const view = async (): Promise<RunView> => (await (await fetch(`${url()}/${id}`, { headers: headers() })).json()) as RunView;
  // There is no such pod where this kubeconfig leads.
  await expect.poll(async () => (await view()).state, { timeout: 100_000 }).toBe('failed');
  expect((await view()).error?.code).toMatch(/^(pod-not-found|cluster-unreachable)$/);
  expect(said['worker']).not.toContain(password);
});

test('an alert opens a run, and the worker tries to tell the endpoint of its rule', { timeout: 120_000 }, async () => {
  const body = JSON.stringify({ alerts: [{ labels: { alertname: 'High', namespace: 'shop', pod: 'web-1' } }] });
  const told = await fetch(url().replace('/runs', '/intake/alertmanager'), { method: 'POST', headers: headers(), body });
  const { alerts } = (await told.json()) as { alerts: { outcome: string; run: string }[] };
  expect({ status: told.status, alerts }).toMatchObject({ status: 202, alerts: [{ outcome: 'opened' }] });
  const tried = async (): Promise<unknown> => {
    const answer = await fetch(url().replace('/runs', `/deliveries?run=${alerts[0]!.run}`), { headers: headers() });
    return ((await answer.json()) as { deliveries: { attempts: number }[] }).deliveries.some(({ attempts }) => attempts > 0);
  };
  await expect.poll(tried, { timeout: 100_000 }).toBe(true);
});

test('each of them ends by itself when it is told to stop, and the API lets nobody wait', async () => {
  await ended('worker');
  // Nobody takes this one any more: who waits for it waits.
  const { id } = (await (await fetch(url(), { method: 'POST', headers: headers(), body: anyPod })).json()) as RunView;
  const poll = fetch(`${url()}/${id}?wait=60`, { headers: headers() });
  const stream = await fetch(`${url()}/${id}/events`, { headers: { ...headers(), accept: 'text/event-stream' } });
  expect(stream.status).toBe(200);
  const streamed = stream.text();
  await setTimeout(500);
  await ended('api');
  expect((await poll).status).toBe(200);
  await expect(streamed).resolves.toContain('event: run.requested');
  await ended('redis');
});

/** Tells a service to stop, and waits for its end. */
async function ended(name: string): Promise<void> {
  const child = children.get(name)!;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  expect([name, (await exit)[0]]).toEqual([name, 0]);
}
