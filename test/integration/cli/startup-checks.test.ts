import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { baseChecks } from '../../../cli/base-checks.js';
import { dataFolder } from '../../../cli/config.js';
import { withPassword } from '../../../cli/redis-config.js';
import { assertClock } from '../../../cli/startup-checks.js';
import { connectRedis } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { createClusters } from '../../../workers/adapters/kubernetes/clusters.js';
import { MovedClock } from '../../support/moved-clock.js';
import { RedisChild } from '../engine/redis-child.js';
import { ApiDouble } from '../kubernetes/api-double.js';
import { startCommand } from './command.js';

let folder: string;
let clock: MovedClock;
let redis: RedisChild;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-startup-'));
  clock = new MovedClock(Date.now());
  redis = await RedisChild.start(clock.environment);
});
afterAll(async () => {
  await redis.stop();
  clock.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Lets Redis' clock be so far from ours, in seconds. */
function setAhead(seconds: number): void {
  clock.move(Date.now() + seconds * 1_000 - clock.now());
}

const doctor = (name: string) => {
  const data = dataFolder({ PODTRIAGE_DATA: folder });
  const config = { redis: { url: redis.socket }, data, keys: { given: { api: undefined, worker: undefined }, trusted: [] } };
  return baseChecks({ ...config, evidence: { kind: 'disk', folder: data.evidence } })
    .find((check) => check.name === name)!
    .run(new AbortController().signal);
};

describe('the clock', () => {
  async function started(): Promise<string[]> {
    const lines: string[] = [];
    const connection = connectRedis(redis.endpoint);
    try {
      await assertClock(connection, pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }));
    } finally {
      connection.disconnect();
    }
    return lines;
  }

  it.each([0, 3, -3])('may be %s s off that of Redis', async (seconds) => {
    setAhead(seconds);
    expect(await started()).toEqual([]);
    expect(await doctor('clock')).toMatchObject({ ok: true });
  });

  it.each([
    [20, 'behind'],
    [-20, 'ahead of'],
  ])('is worth a warning when Redis is %s s ahead', async (seconds, word) => {
    setAhead(seconds);
    expect((await started()).join('')).toMatch(new RegExp(`the clock of this machine is (19|20)\\.\\d s ${word} that of Redis`));
    expect(await doctor('clock')).toMatchObject({ ok: 'warn', todo: expect.stringContaining('NTP') as string });
  });

  it.each([90, -90])('is refused when Redis is %s s ahead, before anything listens', async (seconds) => {
    setAhead(seconds);
    await expect(started()).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('Set it right (NTP)') as string });
    expect(await doctor('clock')).toMatchObject({ ok: false });
  });

  it('stops the service itself', async () => {
    setAhead(90);
    const service = startCommand(['serve', '--only', 'api'], { REDIS_URL: redis.socket, PODTRIAGE_DATA: join(folder, 'api'), PODTRIAGE_PORT: '0' });
    const { code, stderr } = await service.outcome;
    expect([code, stderr]).toEqual([1, expect.stringContaining('behind that of Redis')]);
    expect(stderr).not.toContain('listens');
  });
});

test('doctor knows what time the API server has', async () => {
  const cluster = await ApiDouble.start();
  try {
    const at = await createClusters({ default: cluster.kubeconfig() }).date('default', new AbortController().signal);
    expect(Math.abs(Date.now() - at.getTime())).toBeLessThan(10_000);
  } finally {
    await cluster.stop();
  }
});

test('a private key that others can read is found by doctor as by the start', async () => {
  const { signingKeys } = dataFolder({ PODTRIAGE_DATA: folder });
  const { kid } = await openSigner(signingKeys, 'worker');
  expect(await doctor('signing keys')).toEqual({ ok: true, found: `api is made at the first start, worker ${kid}` });
  chmodSync(join(signingKeys, 'worker.pem'), 0o644);
  await expect(doctor('signing keys')).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('chmod 600') as string });
  await expect(openSigner(signingKeys, 'worker')).rejects.toMatchObject({ code: 'config-invalid' });
});

describe('the password of Redis', () => {
  const file = (text: string): string => {
    const path = join(mkdtempSync(join(folder, 'password-')), 'password');
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  it('comes from a file, whatever is in it', async () => {
    expect(await withPassword('redis://redis:6379', file('p@ss/word:%\n'))).toBe('redis://:p%40ss%2Fword%3A%25@redis:6379');
    expect(await withPassword('rediss://user@redis:6379/2', file('secret'))).toBe('rediss://user:secret@redis:6379/2');
    expect(await withPassword('/run/redis.sock', undefined)).toBe('/run/redis.sock');
  });

  it.each([[undefined], ['/run/redis.sock'], ['redis://:other@redis:6379']])('belongs to an address without one: not to %s', async (url) => {
    await expect(withPassword(url, file('secret'))).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(withPassword('redis://redis', file('\n'))).rejects.toMatchObject({ code: 'config-invalid' });
  });
});
