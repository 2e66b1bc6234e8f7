import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { createS3Evidence, type S3Evidence } from '../../../store/evidence/s3.js';
import { openClient } from '../../../store/evidence/s3-client.js';
import { S3Objects } from '../../../store/evidence/s3-objects.js';
import { S3Server } from '../../support/s3-server.js';
import { all, sha256Of } from '../../support/wait.js';

const signal = new AbortController().signal;
let server: S3Server;
let store: S3Evidence;

beforeAll(async () => {
  server = await S3Server.start();
  store = await createS3Evidence(server.place(), server.staging);
});
afterAll(() => server.stop());

const keyOf = (data: Uint8Array): string => `sha256/${sha256Of(data).slice(0, 2)}/${sha256Of(data).slice(2)}`;
const staged = (): string[] => readdirSync(server.staging);
const read = async (sha256: string): Promise<Buffer> => Buffer.concat(await all(store.open(sha256)));
const listed = async (from: S3Evidence): Promise<string[]> => {
  const names: string[] = [];
  for await (const name of from.all(signal)) names.push(name);
  return names.sort();
};

describe('what is put', () => {
  test.each([
    ['nothing', 0],
    ['a small file', 1_000],
    ['a large one', 3_000_000],
  ])('is kept under its sha256, with all hashes, size and head: %s', async (_name, size) => {
    const data = randomBytes(size);
    const stored = await store.put([data.subarray(0, 100), data.subarray(100)], signal);
    const hash = (algorithm: string): string => createHash(algorithm).update(data).digest('hex');
    const digests = { sha256: hash('sha256'), sha1: hash('sha1'), md5: hash('md5'), size, head: Uint8Array.from(data.subarray(0, 512)) };
    expect({ ...stored, head: Uint8Array.from(stored.head) }).toEqual({ ...digests, existed: false });
    expect(readFileSync(server.fileOf(keyOf(data)))).toEqual(data);
    expect(await read(stored.sha256)).toEqual(data);
    expect(await store.has(stored.sha256)).toBe(true);
    expect(await store.check(stored.sha256, signal)).toBe(true);
    expect(await store.put([data], signal)).toEqual({ ...stored, existed: true });
    expect(staged()).toEqual([]);
  });

  test('is not kept when it is not what was announced', async () => {
    const data = randomBytes(100_000);
    await expect(store.put([data], signal, { sha256: 'a'.repeat(64) })).rejects.toMatchObject({ code: 'digest-mismatch' });
    await expect(store.put([data], signal, { size: 4 })).rejects.toMatchObject({ code: 'digest-mismatch' });
    expect(await store.has(sha256Of(data))).toBe(false);
    expect(staged()).toEqual([]);
  });

  test('leaves nothing behind when its source fails, and the source names the reason', async () => {
    const reason = new TriageError('transfer-truncated', 'cut');
    async function* source(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(randomBytes(100_000));
      throw reason;
    }
    const before = server.keys();
    await expect(store.put(source(), signal)).rejects.toBe(reason);
    expect(staged()).toEqual([]);
    expect(server.keys()).toEqual(before);
  });

  test('is refused by the server itself when the bytes are not what their checksum says', async () => {
    const objects = new S3Objects(await openClient(server.place()), server.place());
    const data = randomBytes(1_000);
    const wrong = { sha256: sha256Of(Buffer.from('other')), size: data.length, open: () => data };
    expect(await objects.refuses('a-key', wrong)).toBe(true);
    expect(await objects.head('a-key')).toBeUndefined();
  });

  test.each([
    ['small', 1_000],
    ['large', 1_000_000],
  ])('only in part, %s, is not in the store until it is kept, and never if it is discarded', async (_size, length) => {
    const data = randomBytes(length);
    const first = await store.stage([data], signal);
    expect(await store.has(first.sha256)).toBe(false);
    await first.discard();
    expect(await store.has(first.sha256)).toBe(false);
    expect(staged()).toEqual([]);
    const second = await store.stage([data], signal, { sha256: sha256Of(data), size: length });
    expect(await second.keep()).toMatchObject({ existed: false, size: length });
    expect(staged()).toEqual([]);
  });

  test.each([
    ['small', 5_000],
    ['large', 500_000],
  ])('by two machines at once, %s, is kept once', async (_size, length) => {
    const staging = join(server.folder, `second-${length}`);
    const other = await createS3Evidence(server.place(), staging);
    const data = randomBytes(length);
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other).put([data], signal)));
    expect(results.filter(({ existed }) => !existed)).toHaveLength(1);
    expect(readFileSync(server.fileOf(keyOf(data)))).toEqual(data);
    expect([...staged(), ...readdirSync(staging)]).toEqual([]);
  });
});

describe('what is asked for', () => {
  test('and is not there is not-found', async () => {
    const sha256 = 'a'.repeat(64);
    expect(await store.has(sha256)).toBe(false);
    await expect(store.open(sha256)).rejects.toMatchObject({ code: 'not-found' });
    await expect(store.check(sha256, signal)).rejects.toMatchObject({ code: 'not-found' });
  });

  test.each(['../../etc/passwd', 'A'.repeat(64), ''])('by a name that is no hash (%j) is refused', async (name) => {
    for (const ask of [() => store.open(name), () => store.has(name), () => store.remove(name), () => store.check(name, signal)])
      await expect((async () => ask())()).rejects.toMatchObject({ code: 'invalid-request' });
  });

  test('is found to be damaged by a check, and by a put of another size', async () => {
    const data = Buffer.from('healthy');
    const { sha256 } = await store.put([data], signal);
    writeFileSync(server.fileOf(keyOf(data)), 'HEALTHY');
    expect(await store.check(sha256, signal)).toBe(false);
    writeFileSync(server.fileOf(keyOf(data)), 'ill');
    expect(await store.check(sha256, signal)).toBe(false);
    await expect(store.put([data], signal)).rejects.toMatchObject({ code: 'store-corrupt' });
    await store.remove(sha256);
  });

  test('by many files is answered side by side', async () => {
    const names = await Promise.all(Array.from({ length: 200 }, (_, index) => store.put([Buffer.from(`many ${index}`)], signal)));
    const found = await Promise.all(names.map(({ sha256 }) => store.has(sha256)));
    expect(found.every((each) => each)).toBe(true);
  });
});

describe('all that is kept', () => {
  test('is listed by name, more than a page of it, without what is not evidence or below another prefix', async () => {
    const mine = await createS3Evidence(server.place({ prefix: 'team/mine/' }), join(server.folder, 'mine'));
    const puts = Array.from({ length: 1_100 }, (_, index) => mine.put([Buffer.from(`page ${index}`)], signal));
    const names = (await Promise.all(puts)).map(({ sha256 }) => sha256);
    mkdirSync(server.fileOf('team/mine/sha256/zz'), { recursive: true });
    writeFileSync(server.fileOf('team/mine/sha256/zz/foreign'), 'x');
    expect(await listed(mine)).toEqual([...names].sort());
    const other = await createS3Evidence(server.place({ prefix: 'team/other/' }), join(server.folder, 'other'));
    expect(await listed(other)).toEqual([]);
    expect(await other.has(names[0] ?? '')).toBe(false);
  });

  test('stops being listed when nobody wants it any more', async () => {
    await store.put([Buffer.from('one')], signal);
    const abort = new AbortController();
    abort.abort(new TriageError('cancelled', 'enough'));
    await expect(store.all(abort.signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('can be removed, once and again', async () => {
    const { sha256 } = await store.put([Buffer.from('goes')], signal);
    await store.remove(sha256);
    expect(await store.has(sha256)).toBe(false);
    await expect(store.remove(sha256)).resolves.toBeUndefined();
    expect(await store.put([Buffer.from('goes')], signal)).toMatchObject({ existed: false });
  });
});

test('what is removed from a bucket that keeps versions is gone, not hidden', async () => {
  const versioned = await S3Server.start({ versions: true });
  try {
    const client = await openClient(versioned.place());
    const Bucket = versioned.bucket;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    const kept = await createS3Evidence(versioned.place(), versioned.staging);
    const { sha256 } = await kept.put([Buffer.from('secret')], signal);
    await kept.remove(sha256);
    expect(await kept.has(sha256)).toBe(false);
    const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'sha256/' }));
    expect([Versions ?? [], DeleteMarkers ?? []]).toEqual([[], []]);
  } finally {
    await versioned.stop();
  }
});

test('a store removes what was left of more than a day ago when it is opened', async () => {
  const staging = join(server.folder, 'left');
  mkdirSync(staging);
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 3600 * 1000);
  for (const name of ['old', 'young']) writeFileSync(join(staging, name), '');
  utimesSync(join(staging, 'old'), twoDaysAgo, twoDaysAgo);
  await createS3Evidence(server.place(), staging);
  expect(readdirSync(staging)).toEqual(['young']);
});
