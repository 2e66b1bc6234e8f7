import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';

const signal = new AbortController().signal;
const host = { hostname: 'here', machineId: 'one' };
let folder: string;
let store: EvidenceKeeper;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-evidence-'));
  store = await createDiskEvidence(folder, host);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hash = (algorithm: string, data: Uint8Array): string => createHash(algorithm).update(data).digest('hex');
const pathOf = (sha256: string): string => join(folder, 'sha256', sha256.slice(0, 2), sha256.slice(2));
const temporaries = (): string[] => readdirSync(join(folder, 'tmp'));

async function read(sha256: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await store.open(sha256)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('what is put', () => {
  test('is kept under its sha256, read-only, with all hashes, size and head', async () => {
    const data = randomBytes(1_000_000);
    const stored = await store.put([data.subarray(0, 100), data.subarray(100, 600_000), data.subarray(600_000)], signal);
    expect(stored).toEqual({
      sha256: hash('sha256', data),
      sha1: hash('sha1', data),
      md5: hash('md5', data),
      size: data.length,
      head: Uint8Array.from(data.subarray(0, 512)),
      existed: false,
    });
    expect(readFileSync(pathOf(stored.sha256))).toEqual(data);
    expect(statSync(pathOf(stored.sha256)).mode & 0o7777).toBe(0o400);
    expect(temporaries()).toEqual([]);
    expect(await read(stored.sha256)).toEqual(data);
  });

  test('twice is kept once and said to have existed', async () => {
    const data = Buffer.from('the same');
    const first = await store.put([data], signal);
    const before = statSync(pathOf(first.sha256));
    expect(await store.put([data], signal)).toEqual({ ...first, existed: true });
    expect(statSync(pathOf(first.sha256)).ino).toBe(before.ino);
    expect(temporaries()).toEqual([]);
  });

  test('may be empty', async () => {
    const stored = await store.put([], signal);
    expect(stored).toMatchObject({ size: 0, sha256: hash('sha256', Buffer.alloc(0)) });
    expect(await store.has(stored.sha256)).toBe(true);
  });

  test('is not kept when it is not what was announced', async () => {
    const data = Buffer.from('other');
    await expect(store.put([data], signal, { sha256: hash('sha256', Buffer.from('x')) })).rejects.toMatchObject({ code: 'digest-mismatch' });
    await expect(store.put([data], signal, { size: 4 })).rejects.toMatchObject({ code: 'digest-mismatch' });
    expect(await store.has(hash('sha256', data))).toBe(false);
    expect(temporaries()).toEqual([]);
    await expect(store.put([data], signal, { sha256: hash('sha256', data), size: 5 })).resolves.toMatchObject({ existed: false });
  });

  test('leaves nothing behind when its source fails, and the source names the reason', async () => {
    const reason = new TriageError('transfer-truncated', 'cut');
    async function* source(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('some'));
      throw reason;
    }
    await expect(store.put(source(), signal)).rejects.toBe(reason);
    expect(temporaries()).toEqual([]);
  });

  test('leaves nothing behind when it is aborted while its source is silent', async () => {
    const abort = new AbortController();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('some'));
      setTimeout(() => abort.abort(new Error('enough')), 20);
      await new Promise(() => undefined);
    }
    await expect(store.put(source(), abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(temporaries()).toEqual([]);
  });

  test('by many at once and by several processes is kept once', async () => {
    const data = randomBytes(100_000);
    const all = await Promise.all(Array.from({ length: 20 }, () => store.put([data], signal)));
    expect(all.filter(({ existed }) => !existed)).toHaveLength(1);

    const shared = mkdtempSync(join(tmpdir(), 'podtriage-evidence-'));
    const script = join(import.meta.dirname, 'put-many.ts');
    const results = await Promise.all([1, 2, 3].map(() => promisify(execFile)(process.execPath, ['--import', 'tsx', script, shared, 'x'])));
    expect(results.reduce((sum, { stdout }) => sum + Number(stdout), 0)).toBe(10);
    rmSync(shared, { recursive: true, force: true });
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
    await expect((async () => store.open(name))()).rejects.toMatchObject({ code: 'invalid-request' });
  });

  test('is found to be damaged by a check, and by a put of another size', async () => {
    const data = Buffer.from('healthy');
    const { sha256 } = await store.put([data], signal);
    expect(await store.check(sha256, signal)).toBe(true);
    chmodSync(pathOf(sha256), 0o600);
    writeFileSync(pathOf(sha256), 'ill');
    expect(await store.check(sha256, signal)).toBe(false);
    await expect(store.put([data], signal)).rejects.toMatchObject({ code: 'store-corrupt' });
  });
});

describe('all that is kept', () => {
  const listed = async (end = signal): Promise<string[]> => {
    const names: string[] = [];
    for await (const name of store.all(end)) names.push(name);
    return names.sort();
  };

  test('is listed by name, without what is not evidence', async () => {
    expect(await listed()).toEqual([]);
    const puts = Array.from({ length: 600 }, (_, index) => store.put([Buffer.from(`file ${index}`)], signal));
    const names = (await Promise.all(puts)).map(({ sha256 }) => sha256);
    writeFileSync(join(folder, 'sha256', 'README'), 'foreign');
    writeFileSync(join(folder, 'sha256', (names[0] ?? '').slice(0, 2), 'foreign'), 'foreign');
    expect(await listed()).toEqual([...names].sort());
    const abort = new AbortController();
    abort.abort(new TriageError('cancelled', 'enough'));
    await expect(listed(abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('can be removed, once and again, and put anew', async () => {
    const { sha256 } = await store.put([Buffer.from('goes')], signal);
    await store.remove(sha256);
    expect(await store.has(sha256)).toBe(false);
    expect(await listed()).toEqual([]);
    await expect(store.remove(sha256)).resolves.toBeUndefined();
    expect(await store.put([Buffer.from('goes')], signal)).toMatchObject({ existed: false });
  });
});

describe('a store', () => {
  test('serves one machine only', async () => {
    await expect(createDiskEvidence(folder, host)).resolves.toBeDefined();
    await expect(createDiskEvidence(folder, { ...host, hostname: 'there' })).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(createDiskEvidence(folder, { ...host, machineId: 'two' })).rejects.toMatchObject({ code: 'config-invalid' });
  });

  test('removes temporary files of more than a day ago when it is opened, and no younger ones', async () => {
    const [old, young] = [join(folder, 'tmp', 'old'), join(folder, 'tmp', 'young')];
    writeFileSync(old, '');
    writeFileSync(young, '');
    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 3600 * 1000);
    utimesSync(old, twoDaysAgo, twoDaysAgo);
    await createDiskEvidence(folder, host);
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
  });

  test('that cannot be made is store-unwritable', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    await expect(createDiskEvidence(join(folder, 'a-file', 'store'), host)).rejects.toMatchObject({ code: 'store-unwritable' });
  });

  test('that is full or read-only says so, and leaves nothing behind', async () => {
    const mount = mkdtempSync(join(tmpdir(), 'podtriage-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
    try {
      const small = await createDiskEvidence(mount, host);
      await expect(small.put([randomBytes(1_000_000)], signal)).rejects.toMatchObject({ code: 'store-full' });
      expect(readdirSync(join(mount, 'tmp'))).toEqual([]);
      execFileSync('mount', ['-o', 'remount,ro', mount]);
      await expect(small.put([Buffer.from('x')], signal)).rejects.toMatchObject({ code: 'store-unwritable' });
    } finally {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true, force: true });
    }
  });
});
