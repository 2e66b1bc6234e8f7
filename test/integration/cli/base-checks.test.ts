import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseChecks } from '../../../cli/base-checks.js';
import { dataFolder } from '../../../cli/config.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../store/embedded-redis.js';
import type { EvidencePlace } from '../../../store/evidence/open.js';
import { S3Server } from '../../support/s3-server.js';

let folder: string;
let server: EmbeddedRedis;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-doctor-'));
  server = await startEmbeddedRedis({ dataDir: folder });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const check = (name: string, url?: string, dir = folder, place?: EvidencePlace) => {
  const data = dataFolder({ PODTRIAGE_DATA: dir });
  const keys = { given: { api: undefined, worker: undefined }, trusted: [] };
  return baseChecks({ redis: { url }, data, keys, evidence: place ?? { kind: 'disk', folder: data.evidence } })
    .find((found) => found.name === name)!
    .run(new AbortController().signal);
};

describe('the base checks of doctor', () => {
  it('finds the redis-server that would be started', async () => {
    expect(await check('embedded Redis')).toMatchObject({ ok: true, found: expect.stringMatching(/^redis-server [7-9]/) as string });
  });

  it('passes a Redis that forgets nothing, and refuses one that may', async () => {
    expect(await check('Redis', server.address)).toMatchObject({ ok: true });
    const client = new Redis({ path: server.address });
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(check('Redis', server.address)).rejects.toMatchObject({ code: 'config-invalid' });
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    client.disconnect();
  });

  it('fails within its limit when nobody is there', async () => {
    await expect(check('Redis', join(folder, 'nobody.sock'))).rejects.toMatchObject({ code: 'redis-unavailable' });
  });

  it('passes a private data folder, warns of an open one, fails where it cannot write', async () => {
    expect(await check('data folder')).toEqual({ ok: true, found: folder });
    await chmod(folder, 0o755);
    expect(await check('data folder')).toMatchObject({ ok: 'warn', todo: `run: chmod 700 ${folder}` });
    await chmod(folder, 0o700);
    await writeFile(join(folder, 'file'), '');
    await expect(check('data folder', undefined, join(folder, 'file'))).rejects.toThrow();
  });

  it('tells how much room the evidence has', async () => {
    expect((await check('evidence store')).found).toMatch(/evidence, .* free$/);
  });

  it('opens a bucket and says what it heeds, or what is wrong', async () => {
    const bucket = await S3Server.start();
    try {
      const place = { kind: 's3', ...bucket.place({ prefix: 'team/' }), staging: bucket.staging } as const;
      expect(await check('evidence store', undefined, folder, place)).toEqual({
        ok: true,
        found: 's3://evidence/team/, refuses second writes and wrong checksums',
      });
      await expect(check('evidence store', undefined, folder, { ...place, bucket: 'nobody' })).rejects.toMatchObject({ code: 'config-invalid' });
    } finally {
      await bucket.stop();
    }
  });
});
