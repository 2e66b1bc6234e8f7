import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syncFileSystem } from '../../../store/evidence/sync-file-system.js';
import { until } from '../../support/wait.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-sync-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The shell's pid, and nobody's when it is gone. */
function shell(): number {
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return Number(/^ *(\d+) sh -c .*sync -f/m.exec(children)?.[1]);
}

// In this order: who has failed once is not asked again.
test.each(['plain', ' spaces ', '-f', 'back\\slash', '$(exit 1)', 'ü'])('a file system is synced by any path on it: %j', async (name) => {
  mkdirSync(join(folder, name));
  expect(await syncFileSystem(join(folder, name))).toBe(true);
});

test('a path of two lines is not told to the shell', async () => {
  expect(await syncFileSystem(`${folder}/two\nlines`)).toBe(false);
  expect(await syncFileSystem(folder)).toBe(true);
});

test('what a terminal sends to all of us does not end it', async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(shell(), signal);
  expect(await syncFileSystem(folder)).toBe(true);
});

test('a process without free descriptors is told that there is no sync', () => {
  const module = JSON.stringify(new URL('../../../store/evidence/sync-file-system.ts', import.meta.url).href);
  const program = `import { openSync } from 'node:fs';
    import { setTimeout } from 'node:timers/promises';
    const { syncFileSystem } = await import(${module});
    try { for (;;) openSync('/dev/null'); } catch {}
    console.log(await syncFileSystem('/'));
    await setTimeout(100);`;
  const argv = ['-c', 'ulimit -n 200; exec "$@"', 'sh', process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
  expect(execFileSync('sh', argv, { encoding: 'utf8' })).toBe('false\n');
});

test('a shell that was killed before is no sync', async () => {
  process.kill(shell(), 'SIGKILL');
  await until(() => Number.isNaN(shell()));
  expect(await syncFileSystem(folder)).toBe(false);
  expect(await syncFileSystem(folder)).toBe(false);
});
