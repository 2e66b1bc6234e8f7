import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';

const run = promisify(execFile);
const signal = new AbortController().signal;
const host = { hostname: 'here', machineId: 'one' };
const program = join(import.meta.dirname, 'put-small.ts');
let folder: string;
let store: EvidenceKeeper;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-evidence-'));
  store = await createDiskEvidence(folder, host);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (index: number): Buffer => Buffer.from(`content ${index}`);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const pathOf = (data: Uint8Array): string => join(folder, 'sha256', sha256(data).slice(0, 2), sha256(data).slice(2));
const temporaries = (): string[] => readdirSync(join(folder, 'tmp'));
const putAll = (indexes: readonly number[]) => Promise.allSettled(indexes.map((index) => store.put([bytes(index)], signal)));

/** Every file that has a name in a store, by that name. */
function named(root: string): Map<string, Buffer> {
  const first = readdirSync(join(root, 'sha256'));
  const files = first.flatMap((two) => readdirSync(join(root, 'sha256', two)).map((rest) => [two, rest] as const));
  return new Map(files.map(([two, rest]) => [two + rest, readFileSync(join(root, 'sha256', two, rest))]));
}

function putting(times: number, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  rmSync(join(folder, 'host'));
  return spawn(process.execPath, ['--import', 'tsx', program, folder, String(times)], { stdio: ['ignore', 'pipe', 'inherit'], env });
}

/** A PATH on which `sync` does this. */
function syncThat(does: string): string {
  writeFileSync(join(folder, 'sync'), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
  return `${folder}:/usr/bin:/bin`;
}

describe('many small files at once', () => {
  test('are each kept under their sha256, read-only, and counted once', async () => {
    const indexes = Array.from({ length: 1_200 }, (_, index) => index % 1_000);
    const settled = await putAll(indexes);
    const stored = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(stored.map((each) => each.sha256)).toEqual(indexes.map((index) => sha256(bytes(index))));
    expect(stored.filter(({ existed }) => !existed)).toHaveLength(1_000);
    expect(named(folder)).toEqual(new Map(indexes.map((index) => [sha256(bytes(index)), bytes(index)])));
    expect(statSync(pathOf(bytes(7))).mode & 0o7777).toBe(0o400);
    expect(temporaries()).toEqual([]);
  });

  test('do not suffer for one whose place holds something else', async () => {
    await store.put([bytes(5)], signal);
    chmodSync(pathOf(bytes(5)), 0o600);
    writeFileSync(pathOf(bytes(5)), 'ill');
    const settled = await putAll(Array.from({ length: 100 }, (_, index) => index));
    expect(settled.flatMap((each, index) => (each.status === 'rejected' ? [[index, (each.reason as { code: string }).code]] : []))).toEqual([
      [5, 'store-corrupt'],
    ]);
    expect(temporaries()).toEqual([]);
  });

  test('do not suffer for one whose place is taken by a link that leads nowhere', async () => {
    await store.put([bytes(5)], signal);
    rmSync(pathOf(bytes(5)));
    symlinkSync('/nowhere', pathOf(bytes(5)));
    const settled = await putAll([4, 5, 6]);
    expect(settled.map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : 'kept'))).toEqual([
      'kept',
      'store-corrupt',
      'kept',
    ]);
  });

  test('of two stores at once go each to its own', async () => {
    const other = mkdtempSync(join(tmpdir(), 'podtriage-evidence-'));
    try {
      const second = await createDiskEvidence(other, host);
      const mine = Array.from({ length: 300 }, (_, index) => store.put([bytes(index)], signal));
      const others = Array.from({ length: 300 }, (_, index) => second.put([bytes(index + 1_000)], signal));
      await Promise.all([...mine, ...others]);
      for (const [root, from] of [
        [folder, 0],
        [other, 1_000],
      ] as const) {
        expect(new Set(named(root).keys())).toEqual(new Set(Array.from({ length: 300 }, (_, index) => sha256(bytes(index + from)))));
      }
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  test('on a full disk fail by name and leave nothing half behind', async () => {
    const mount = mkdtempSync(join(tmpdir(), 'podtriage-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    try {
      const small = await createDiskEvidence(mount, host);
      const puts = Array.from({ length: 100 }, (_, index) => small.put([Buffer.alloc(30_000, index)], signal));
      const settled = await Promise.allSettled(puts);
      const refused = settled.filter((each) => each.status === 'rejected');
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(refused.map(() => 'store-full'));
      expect([...named(mount)].every(([name, data]) => sha256(data) === name)).toBe(true);
      expect(named(mount).size).toBe(settled.length - refused.length);
      expect(readdirSync(join(mount, 'tmp'))).toEqual([]);
      // What it has it need not write.
      const again = settled.findIndex(({ status }) => status === 'fulfilled');
      expect(() => writeFileSync(join(mount, 'rest'), Buffer.alloc(1024 ** 2))).toThrow('ENOSPC');
      expect(await small.put([Buffer.alloc(30_000, again)], signal)).toMatchObject({ existed: true });
    } finally {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true, force: true });
    }
  });

  test.each(['/nowhere', '/dev/null'])('are kept as well where there is no program that syncs a file system: PATH=%s', async (path) => {
    const child = putting(1, { PATH: path });
    const [chunk] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('1000\n');
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect(named(folder).size).toBe(1_000);
  });

  test('are synced one by one once the file system has told of a failed write, which it tells once', async () => {
    const calls = join(folder, 'calls');
    const child = putting(3, { PATH: syncThat(`echo >>${calls}; exit 1`) });
    child.stdout!.resume();
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect(readFileSync(calls, 'utf8')).toBe('\n');
    expect(named(folder).size).toBe(3_000);
  });

  test('are kept as well where what syncs for us is killed in a sync', async () => {
    const calls = join(folder, 'calls');
    const child = putting(3, { PATH: syncThat(`echo >>${calls}; [ $(wc -l <${calls}) = 1 ] && exec /bin/sync "$@"; kill -9 $PPID`) });
    child.stdout!.resume();
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect(readFileSync(calls, 'utf8')).toBe('\n\n');
    expect(named(folder).size).toBe(3_000);
  });

  test('are not all open at a time while a sync takes long', async () => {
    rmSync(join(folder, 'host'));
    const script = 'ulimit -n 4500; PATH=$0; exec "$@"';
    const argv = [process.execPath, '--import', 'tsx', program, folder, '1', '6000'];
    const { stdout } = await run('bash', ['-c', script, syncThat('/bin/sleep 0.5; exec /bin/sync "$@"'), ...argv]);
    expect(stdout).toBe('6000\n');
    expect(temporaries()).toEqual([]);
  });

  test('do not suffer for a store whose folder has gone', async () => {
    const other = mkdtempSync(join(tmpdir(), 'podtriage-evidence-'));
    try {
      const second = await createDiskEvidence(other, host);
      rmSync(join(other, 'tmp'), { recursive: true });
      const lost = Promise.allSettled(Array.from({ length: 100 }, (_, index) => second.put([bytes(index)], signal)));
      const kept = await putAll(Array.from({ length: 100 }, (_, index) => index));
      expect(kept.every(({ status }) => status === 'fulfilled')).toBe(true);
      expect(new Set((await lost).map((each) => each.status === 'rejected' && (each.reason as { code: string }).code))).toEqual(
        new Set(['store-unwritable']),
      );
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  test('never have a name before their content, whenever the process is killed', async () => {
    const child = putting(1_000);
    await once(child.stdout!, 'data');
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const found = named(folder);
    expect(found.size).toBeGreaterThanOrEqual(1_000);
    expect([...found].filter(([name, data]) => sha256(data) !== name)).toEqual([]);
  });
});

describe('what is staged', () => {
  test.each([
    ['small', 1_000],
    ['large', 1_000_000],
  ])('and %s is not in the store until it is kept, and never if it is discarded', async (_size, length) => {
    const data = Buffer.alloc(length, 'x');
    const first = await store.stage([data], signal);
    expect(first.sha256).toBe(sha256(data));
    expect(await store.has(first.sha256)).toBe(false);
    await first.discard();
    expect(await store.has(first.sha256)).toBe(false);
    expect(temporaries()).toEqual([]);
    const second = await store.stage([data], signal, { sha256: sha256(data), size: length });
    expect(await second.keep()).toMatchObject({ existed: false, size: length });
    expect(readFileSync(pathOf(data))).toEqual(data);
    expect(temporaries()).toEqual([]);
  });

  test('beyond what memory is meant to hold is kept all the same', async () => {
    const staged = [];
    for (let index = 0; index < 400; index += 1) staged.push(await store.stage([Buffer.alloc(60_000, `${index} `)], signal));
    expect(temporaries().length).toBeGreaterThan(0);
    const kept = await Promise.all(staged.map((each) => each.keep()));
    expect(kept.filter(({ existed }) => !existed)).toHaveLength(400);
    expect(temporaries()).toEqual([]);
  });
});
