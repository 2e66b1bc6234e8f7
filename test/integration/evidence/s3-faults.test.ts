import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createS3Evidence, type S3Evidence } from '../../../store/evidence/s3.js';
import { S3Server } from '../../support/s3-server.js';
import { all, sha256Of } from '../../support/wait.js';
import { type Fault, S3Proxy } from './s3-proxy.js';

const signal = new AbortController().signal;
let server: S3Server;
let proxy: S3Proxy;
let store: S3Evidence;

beforeEach(async () => {
  server = await S3Server.start();
  proxy = await S3Proxy.start(server.port);
  store = await createS3Evidence(server.place({ endpoint: proxy.endpoint }), server.staging);
  proxy.seen.length = 0;
});
afterEach(async () => {
  await proxy.stop();
  await server.stop();
});

const open = (more: Parameters<S3Server['place']>[0] = {}): Promise<S3Evidence> =>
  createS3Evidence(server.place({ endpoint: proxy.endpoint, ...more }), server.staging);
const evidence = (): string[] => server.keys().filter((key) => key.startsWith('sha256/'));

/** The first so many requests of this method come to this. */
function first(times: number, method: string, fault: Fault): void {
  let left = times;
  proxy.fault = (asked) => (asked === method && left-- > 0 ? fault : undefined);
}

describe('a store is not opened', () => {
  test.each([
    ['a bucket that is not there', { bucket: 'nobody' }, 'no such bucket'],
    ['a secret that is wrong', { credentials: 'test-key wrong' }, 'refuses these credentials'],
    ['a key that nobody knows', { credentials: 'nobody test-secret' }, 'refuses these credentials'],
    ['a file of credentials that holds one word', { credentials: 'test-key' }, 'two words'],
  ])('with %s', async (_name, { credentials, ...place }: { credentials?: string; bucket?: string }, says) => {
    const file = join(server.folder, 'other-credentials');
    if (credentials !== undefined) writeFileSync(file, credentials, { mode: 0o600 });
    const opening = open({ ...place, ...(credentials === undefined ? {} : { credentialsFile: file }) });
    await expect(opening).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining(says) as string });
  });

  test('with a secret whose file takes two lines, but is opened then', async () => {
    writeFileSync(server.credentials, 'test-key\ntest-secret\n', { mode: 0o600 });
    await expect(open()).resolves.toBeDefined();
  });

  test('on a server that lets a second write pass', async () => {
    proxy.fault = (method, path) => (method === 'PUT' && path.includes('podtriage-store') ? { kind: 'answer', status: 200 } : undefined);
    await expect(open()).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('If-None-Match') as string });
  });

  test('on a server that does not look at checksums', async () => {
    proxy.fault = (method, path) => (method === 'PUT' && path.includes('podtriage-checksum') ? { kind: 'answer', status: 200 } : undefined);
    await expect(open()).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('checksum-sha256') as string });
  });

  test('where nobody answers', async () => {
    await server.kill();
    await expect(open()).rejects.toMatchObject({ code: 'store-unwritable', message: expect.stringContaining('PODTRIAGE_S3_ENDPOINT') as string });
  });
});

describe.each([
  ['small', 1_000],
  ['large', 400_000],
])('a %s file', (_name, size) => {
  const data = randomBytes(size);

  test('is kept although the server is busy for a while', async () => {
    first(3, 'PUT', { kind: 'busy' });
    expect(await store.put([data], signal)).toMatchObject({ existed: false });
    expect(evidence()).toHaveLength(1);
  });

  test('is kept once although the answer was lost', async () => {
    first(1, 'PUT', { kind: 'answer-lost' });
    expect(await store.put([data], signal)).toMatchObject({ sha256: sha256Of(data) });
    expect(await store.check(sha256Of(data), signal)).toBe(true);
    expect(evidence()).toHaveLength(1);
  });

  test('is kept whole although its bytes were damaged on their way once', async () => {
    first(1, 'PUT', { kind: 'flip' });
    expect(await store.put([data], signal)).toMatchObject({ existed: false });
    expect(await store.check(sha256Of(data), signal)).toBe(true);
  });

  test('is not kept when its bytes are damaged each time', async () => {
    proxy.fault = (method) => (method === 'PUT' ? { kind: 'flip' } : undefined);
    await expect(store.put([data], signal)).rejects.toMatchObject({ code: 'store-unwritable' });
    expect(evidence()).toEqual([]);
    expect(readdirSync(server.staging)).toEqual([]);
  });

  test('is not half there when the server is killed in the middle, and can be put later', async () => {
    proxy.fault = (method) => (method === 'PUT' ? { kind: 'half', meanwhile: () => server.kill() } : undefined);
    await expect(store.put([data], signal)).rejects.toMatchObject({
      code: 'store-unwritable',
      message: expect.stringContaining('does not answer') as string,
    });
    proxy.fault = () => undefined;
    await server.spawn();
    expect(await store.has(sha256Of(data))).toBe(false);
    expect(await store.put([data], signal)).toMatchObject({ existed: false });
    expect(await store.check(sha256Of(data), signal)).toBe(true);
  });

  test('is not half there when the connection breaks in the middle, and is kept by the next try', async () => {
    proxy.fault = (method) => (method === 'PUT' ? { kind: 'half', meanwhile: () => Promise.resolve() } : undefined);
    await expect(store.put([data], signal)).rejects.toMatchObject({ code: 'store-unwritable' });
    expect(evidence()).toEqual([]);
    first(1, 'PUT', { kind: 'half', meanwhile: () => Promise.resolve() });
    expect(await store.put([data], signal)).toMatchObject({ existed: false });
    expect(await store.check(sha256Of(data), signal)).toBe(true);
  });

  test('whose stream is cut is an error, never a shorter file', async () => {
    const { sha256 } = await store.put([data], signal);
    proxy.fault = (method) => (method === 'GET' ? { kind: 'cut-body' } : undefined);
    await expect(all(store.open(sha256))).rejects.toMatchObject({ code: 'store-unwritable' });
    await expect(store.check(sha256, signal)).rejects.toMatchObject({ code: 'store-unwritable' });
  });
});

test('a stream that breaks before anybody reads it is an error for who reads, and nobody else', async () => {
  const { sha256 } = await store.put([randomBytes(30_000_000)], signal);
  const stream = await store.open(sha256);
  await proxy.breakAll();
  await expect(all(Promise.resolve(stream))).rejects.toMatchObject({ code: 'store-unwritable' });
  (await store.open(sha256)).destroy();
});

test('a put ends when nobody wants it any more, although the server stands still', async () => {
  const abort = new AbortController();
  const put = store.put([randomBytes(400_000)], abort.signal);
  server.signal('SIGSTOP');
  setTimeout(() => abort.abort(new Error('enough')), 200);
  await expect(put).rejects.toMatchObject({ code: 'cancelled' });
  expect(readdirSync(server.staging)).toEqual([]);
  server.signal('SIGCONT');
});

test('many files are many requests at a time, but not too many', async () => {
  const puts = Array.from({ length: 300 }, (_, index) => store.put([Buffer.from(`file ${index}`)], signal));
  expect((await Promise.all(puts)).every(({ existed }) => !existed)).toBe(true);
  expect(proxy.most).toBeGreaterThan(4);
  expect(proxy.most).toBeLessThanOrEqual(32);
  expect(proxy.seen.every((request) => request.startsWith('PUT /evidence/sha256/'))).toBe(true);
  expect(proxy.seen).toHaveLength(300);
});

test('a full server says so, and keeps nothing half', async () => {
  const bucket = server.fileOf('');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', bucket]);
  try {
    await expect(store.put([randomBytes(4_000_000)], signal)).rejects.toMatchObject({ code: 'store-full' });
    expect(existsSync(join(bucket, 'sha256')) ? evidence() : []).toEqual([]);
  } finally {
    await server.kill();
    execFileSync('umount', [bucket]);
  }
});

test('it is ready as long as the server answers', async () => {
  await expect(store.ready()).resolves.toBeUndefined();
  await server.kill();
  await expect(store.ready()).rejects.toMatchObject({ code: 'store-unwritable' });
});
