import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProgram } from '../../../cli/program.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { placeOf } from '../../../store/evidence/names.js';
import { createS3Evidence } from '../../../store/evidence/s3.js';
import { S3Server } from '../../support/s3-server.js';
import { type FakeIo, fakeIo } from '../../unit/cli/fake-io.js';

const signal = new AbortController().signal;
let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'podtriage-check-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

async function check(env: Record<string, string>, ...options: string[]): Promise<{ code: number | undefined; io: FakeIo; stderr: string }> {
  let stderr = '';
  const io = fakeIo({ env: { PODTRIAGE_DATA: data, ...env }, err: (text) => void (stderr += text) });
  let code: number | undefined;
  const parts = () => Promise.reject(new Error('no service is needed'));
  await createProgram(io, '0', parts, (done) => (code = done)).parseAsync(['store', 'check', ...options], { from: 'user' });
  return { code, io, stderr };
}

async function fill(store: EvidenceKeeper, files: number): Promise<string[]> {
  const puts = Array.from({ length: files }, (_, index) => store.put([Buffer.alloc(index % 7 === 0 ? 100_000 : 100, `file ${index}`)], signal));
  return (await Promise.all(puts)).map(({ sha256 }) => sha256);
}

/** Keeps the size, so that only the hash can tell. */
function damage(file: string, size: number): void {
  chmodSync(file, 0o600);
  writeFileSync(file, Buffer.alloc(size, 'x'));
}

describe('store check on a disk', () => {
  test('counts what is whole', async () => {
    await fill(await createDiskEvidence(join(data, 'evidence')), 300);
    const { code, io } = await check({});
    expect(code).toBe(0);
    expect(io.printed()).toBe(`${join(data, 'evidence')}: 300 files, all whole\n`);
  });

  test('names each file that is corrupt, and ends with 1', async () => {
    const names = await fill(await createDiskEvidence(join(data, 'evidence')), 50);
    for (const index of [3, 20]) damage(join(data, 'evidence', placeOf(names[index] ?? '')), 100);
    const { code, io } = await check({});
    expect(code).toBe(1);
    expect(io.printed()).toContain(`corrupt: ${names[3]}\n`);
    expect(io.printed()).toContain(`corrupt: ${names[20]}\n`);
    expect(io.printed()).toContain('50 files, 2 corrupt, 0 not readable\n');
    const json = await check({}, '--json');
    expect(json.code).toBe(1);
    const told = JSON.parse(json.io.printed()) as { corrupt: string[] };
    expect(told).toMatchObject({ store: join(data, 'evidence'), checked: 50, whole: 48, unreadable: [] });
    expect(told.corrupt.sort()).toEqual([names[3], names[20]].sort());
  });

  test('is not checkable, and not made, where there is none', async () => {
    const { code, io, stderr } = await check({});
    expect(code).toBe(2);
    expect(io.printed()).toBe('');
    expect(stderr).toContain('there is no evidence store');
    expect((await check({})).code).toBe(2);
  });

  test('is not checkable when it belongs to another machine', async () => {
    await createDiskEvidence(join(data, 'evidence'), { hostname: 'elsewhere', machineId: 'x' });
    const { code, stderr } = await check({});
    expect(code).toBe(2);
    expect(stderr).toContain('elsewhere');
  });

  test('needs none of the secrets of workers', async () => {
    await fill(await createDiskEvidence(join(data, 'evidence')), 1);
    expect((await check({ PODTRIAGE_SSH_KEY: '/nowhere/key', PODTRIAGE_VT_KEY_FILE: '/nowhere/key' })).code).toBe(0);
  });
});

describe('store check in a bucket', () => {
  let server: S3Server;
  beforeEach(async () => {
    server = await S3Server.start();
  });
  afterEach(() => server.stop());

  const env = (): Record<string, string> => ({
    PODTRIAGE_EVIDENCE: 's3://evidence/team',
    PODTRIAGE_S3_ENDPOINT: server.endpoint,
    PODTRIAGE_S3_CREDENTIALS_FILE: server.credentials,
  });

  test('finds what is corrupt', async () => {
    const names = await fill(await createS3Evidence(server.place({ prefix: 'team/' }), server.staging), 40);
    expect(await check(env())).toMatchObject({ code: 0 });
    damage(server.fileOf(`team/${placeOf(names[5] ?? '')}`), 100);
    const { code, io } = await check(env());
    expect(code).toBe(1);
    expect(io.printed()).toBe(`corrupt: ${names[5]}\ns3://evidence/team/: 40 files, 1 corrupt, 0 not readable\n`);
  });

  test('is not checkable when the server is gone, or the bucket', async () => {
    expect(await check({ ...env(), PODTRIAGE_EVIDENCE: 's3://nobody' })).toMatchObject({ code: 2 });
    await server.kill();
    expect(await check(env())).toMatchObject({ code: 2 });
  });
});
