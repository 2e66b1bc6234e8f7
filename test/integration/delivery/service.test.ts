import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { until } from '../../support/wait.js';
import { startCommand } from '../cli/command.js';
import { RedisChild } from '../engine/redis-child.js';
import { ApiDouble } from '../kubernetes/api-double.js';
import { Receiver } from './receiver.js';

const secret = `whsec_${Buffer.alloc(32, 6).toString('base64')}`;

test('a service tells who waits that a run has failed, and shows by whom that was taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pt-told-'));
  const [redis, cluster, receiver] = [await RedisChild.start(), await ApiDouble.start(), await Receiver.listen()];
  writeFileSync(join(folder, 'soar-secret'), secret, { mode: 0o600 });
  const endpoint = { name: 'soar', kind: 'webhook', url: receiver.url, secretFile: 'soar-secret' };
  const file = join(folder, 'endpoints.yaml');
  writeFileSync(file, JSON.stringify({ endpoints: [endpoint], allow: { http: true, addresses: ['127.0.0.1'] } }));
  const env = { PODTRIAGE_DATA: join(folder, 'data'), PODTRIAGE_PORT: '0', REDIS_URL: redis.socket, PODTRIAGE_KUBECONFIG: cluster.kubeconfig() };
  const service = startCommand(['serve'], { ...env, PODTRIAGE_ENDPOINTS: file, PODTRIAGE_LOG_LEVEL: 'debug' });
  let log = '';
  service.child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  try {
    await service.says('\nevidence: ');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(service.said() + log)?.[0] ?? '';
    const key = readFileSync(join(folder, 'data', 'api-key'), 'utf8').trim();
    const client = (...words: string[]) => startCommand(words, { PODTRIAGE_URL: url, PODTRIAGE_API_KEY: key, PODTRIAGE_DATA: folder }).outcome;
    const opened = await client('triage', '-n', 'shop', 'web-0', '--notify', 'soar', '--detach');
    const run = opened.stdout.trim();
    await until(() => receiver.received.some(({ body }) => body.includes('report.written')));
    const events = receiver.received.map(
      ({ body, headers }) => new Webhook(secret).verify(body, headers as Record<string, string>) as { type: string; data: { run: object } },
    );
    expect(events.map(({ type }) => type)).toEqual(['verdict.ready', 'report.written']);
    // There is no such pod.
    expect(events.at(-1)?.data.run).toMatchObject({ id: run, state: 'failed', verdict: 'inconclusive', completeness: 'partial' });
    const listed = await client('deliveries', '--run', run);
    expect(listed.stdout.match(/delivered/g)).toHaveLength(2);
    expect((await client('verify', run)).code).toBe(0);
    expect(log + service.said()).not.toContain(secret.replace('whsec_', ''));
  } finally {
    const gone = once(service.child, 'exit');
    service.child.kill('SIGTERM');
    await gone;
    receiver.close();
    await Promise.all([cluster.stop(), redis.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
});
