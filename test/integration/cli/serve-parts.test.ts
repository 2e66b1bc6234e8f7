import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { S3Server } from '../../support/s3-server.js';
import { RedisChild } from '../engine/redis-child.js';
import { ApiDouble } from '../kubernetes/api-double.js';
import { startCommand } from './command.js';

let folder: string;
let redis: RedisChild;
let cluster: ApiDouble;
let children: ChildProcess[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-parts-'));
  children = [];
  redis = await RedisChild.start();
  cluster = await ApiDouble.start();
});
afterEach(async () => {
  await Promise.all(children.map(end));
  await cluster.stop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** A process that serves, with a data folder of its own. Gives what it said until it was ready or ended. */
async function serve(name: string, env: Record<string, string>, ...options: string[]): Promise<{ code: number | null; said: string }> {
  const command = startCommand(['serve', ...options], { PODTRIAGE_DATA: join(folder, name), PODTRIAGE_PORT: '0', ...env });
  const { child } = command;
  children.push(child);
  let log = '';
  child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const all = (): string => command.said() + log;
  const wanted = options.includes('workers') ? ['\nevidence: ', 'the workers are ready'] : ['\nevidence: '];
  for (let tries = 0; tries < 1_200 && !wanted.every((text) => all().includes(text)) && child.exitCode === null; tries += 1) await sleep(50);
  if (child.exitCode !== null) await command.outcome;
  return { code: child.exitCode, said: all() };
}

/** A key pair of a role, as an operator makes one who runs both parts apart: the private half for one machine, the public one for both. */
function keyPair(role: 'api' | 'worker'): string {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  mkdirSync(join(folder, 'trusted'), { recursive: true });
  writeFileSync(join(folder, 'trusted', `${role}.pub.pem`), publicKey.export({ type: 'spki', format: 'pem' }));
  const file = join(folder, `${role}.pem`);
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return file;
}

test('API and workers run apart, with a bucket between them, each with its own secrets alone', async () => {
  const bucket = await S3Server.start();
  try {
    const common = {
      REDIS_URL: redis.socket,
      PODTRIAGE_EVIDENCE: 's3://evidence/team',
      PODTRIAGE_S3_ENDPOINT: bucket.endpoint,
      PODTRIAGE_S3_CREDENTIALS_FILE: bucket.credentials,
      PODTRIAGE_TRUSTED_KEYS: join(folder, 'trusted'),
    };
    const [apiKey, workerKey] = [keyPair('api'), keyPair('worker')];
    const nowhere = '/nowhere/secret';
    const secrets = {
      PODTRIAGE_KUBECONFIG: nowhere,
      PODTRIAGE_SSH_KEY: nowhere,
      PODTRIAGE_VT_KEY_FILE: nowhere,
      PODTRIAGE_WORKER_SIGNING_KEY: nowhere,
    };
    const api = await serve('api', { ...common, ...secrets, PODTRIAGE_API_SIGNING_KEY: apiKey }, '--only', 'api');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(api.said)?.[0] ?? '';
    expect(url, api.said).not.toBe('');
    expect(api.said).toContain('evidence: s3://evidence/team/\n');

    const own = { PODTRIAGE_KUBECONFIG: cluster.kubeconfig(), PODTRIAGE_WORKER_SIGNING_KEY: workerKey, PODTRIAGE_API_SIGNING_KEY: nowhere };
    // It would fail if it listened: that address is nobody's.
    const workers = await serve('workers', { ...common, ...own, PODTRIAGE_HOST: '192.0.2.1' }, '--only', 'workers');
    expect(workers.code, workers.said).toBeNull();
    expect(workers.said).toContain('the workers are ready');
    expect(workers.said).toContain('podtriage works; the API is elsewhere\n');

    const headers = { authorization: `Bearer ${readFileSync(join(folder, 'api', 'api-key'), 'utf8').trim()}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ target: { namespace: 'shop', pod: 'web-0' } });
    const opened = await fetch(`${url}/api/v1/runs`, { method: 'POST', headers, body });
    const { id } = (await opened.json()) as { id: string };
    let state = '';
    for (let tries = 0; tries < 30 && !['completed', 'failed', 'cancelled'].includes(state); tries += 1) {
      ({ state } = (await (await fetch(`${url}/api/v1/runs/${id}?wait=2`, { headers })).json()) as { state: string });
    }
    // There is no such pod; that is found out, judged and written down.
    expect(state).toBe('failed');
    const report = await fetch(`${url}/api/v1/runs/${id}/report`, { headers: { ...headers, accept: 'application/json' } });
    expect(report.status).toBe(200);
    expect(await report.text()).toContain('pod-not-found');
    expect(bucket.keys().filter((key) => key.startsWith('team/sha256/')).length).toBeGreaterThan(0);
    for (const name of ['api', 'workers']) expect(existsSync(join(folder, name, 'evidence'))).toBe(false);
    const privateKeys = (name: string): string[] => {
      const keys = join(folder, name, 'keys');
      return existsSync(keys) ? readdirSync(keys).filter((file) => !file.endsWith('.pub.pem')) : [];
    };
    expect([privateKeys('api'), privateKeys('workers')]).toEqual([[], []]);
  } finally {
    await Promise.all(children.map(end));
    await bucket.stop();
  }
});

test('each part makes its own private key only, and the workers give way to the API', async () => {
  await serve('api', { REDIS_URL: redis.socket }, '--only', 'api');
  await serve('workers', { REDIS_URL: redis.socket, PODTRIAGE_KUBECONFIG: cluster.kubeconfig() }, '--only', 'workers');
  const privateKeys = (name: string): string[] => readdirSync(join(folder, name, 'keys')).filter((file) => !file.endsWith('.pub.pem'));
  expect([privateKeys('api'), privateKeys('workers')]).toEqual([['api.pem'], ['worker.pem']]);
  const priorities = (child: ChildProcess | undefined): number[] =>
    readdirSync(`/proc/${child?.pid ?? 0}/task`).map((thread) => getPriority(Number(thread)));
  expect(children.map((child) => new Set(priorities(child)))).toEqual([new Set([0]), new Set([10])]);
});

test.each(['api', 'workers'])('%s alone needs a Redis that both share', async (part) => {
  const { code, said } = await serve(part, {}, '--only', part);
  expect(code).toBe(1);
  expect(said).toContain('REDIS_URL');
});

test('a part that nobody has heard of is refused', async () => {
  expect(await serve('x', {}, '--only', 'everything')).toMatchObject({ code: 1, said: expect.stringContaining('api, workers') as string });
});

test('a folder of another machine is refused with what to do', async () => {
  mkdirSync(join(folder, 'api', 'evidence'), { recursive: true });
  writeFileSync(join(folder, 'api', 'evidence', 'host'), 'another-machine 0123\n');
  const { code, said } = await serve('api', { REDIS_URL: redis.socket }, '--only', 'api');
  expect(code).toBe(1);
  expect(said).toContain('belongs to the machine "another-machine 0123"');
  expect(said).toContain('use an S3 store for several');
});
