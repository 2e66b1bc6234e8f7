import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { pathBytes } from '../../../playbooks/domain/path-name.js';
import { realCgroup } from '../../support/cgroup.js';
import { program, sleepProgram } from '../../support/program.js';
import { localContext } from '../../support/step-context.js';
import { all, sha256Of, until } from '../../support/wait.js';
import { rowOf, withProcesses } from './process-stand.js';

const sleepSha256 = sha256Of(readFileSync(sleepProgram));
const stand = withProcesses();

function executables() {
  return stand().local.artifacts.filter(({ kind }) => kind === 'process-executable');
}

describe('list-processes', () => {
  it('lists what runs in the container, with its parent, start, arguments and directory, and nothing else of the node', async () => {
    const before = Date.now();
    const child = await stand().started(sleepProgram, ['1000', '0'], { below: 'sub' });
    const { rows, fact } = await stand().list();
    expect(rows.map(({ pid }) => pid)).toEqual([stand().init.pid, child.pid].sort((a, b) => (a ?? 0) - (b ?? 0)));
    const row = rowOf(rows, child);
    expect(row).toMatchObject({ container: 'web', containerId: stand().id, parent: process.pid, uid: 0, name: { text: 'sleep' } });
    expect(row?.arguments.map(({ text }) => text)).toEqual([sleepProgram, '1000', '0']);
    expect(row?.workingDirectory?.text).toBe(process.cwd());
    expect(row?.executable).toMatchObject({ state: 'present', path: { text: sleepProgram }, sha256: sleepSha256 });
    expect(Math.abs(Date.parse(row?.startedAt ?? '') - before)).toBeLessThan(5_000);
    expect(fact).toMatchObject({ count: 2, fileless: 0, executables: 1 });
    expect(stand().local.gaps).toEqual([]);
  });

  it('takes the content of an executable that was deleted', async () => {
    const { path, sha256 } = program(join(stand().folder, 'x'));
    const child = await stand().started(path, ['1000']);
    rmSync(path);
    const { rows, fact } = await stand().list();
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'deleted', path: { text: path }, sha256 });
    expect(fact.fileless).toBe(1);
    expect(executables().find((artifact) => artifact.sha256 === sha256)).toMatchObject({
      known: false,
      content: 'elf',
      method: 'node',
      source: { container: 'web', place: { kind: 'process', pid: child.pid }, path: { text: path } },
    });
    const { size } = await stand().evidence.put(await stand().evidence.open(sha256), AbortSignal.timeout(5_000));
    expect(size).toBe(statSync(sleepProgram).size + 16);
  });

  it('takes the content of an executable that never had a file', async () => {
    const tail = randomBytes(16);
    const code =
      'import os,sys; f=os.memfd_create("kworker"); os.write(f, open(sys.argv[1],"rb").read()+bytes.fromhex(sys.argv[2])); os.execv("/proc/self/fd/%d"%f, ["[kworker/0:0]", "1000"])';
    const child = await stand().started('python3', ['-c', code, sleepProgram, tail.toString('hex')]);
    await until(() => readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').startsWith('[kworker'));
    const { rows } = await stand().list();
    const sha256 = sha256Of(Buffer.concat([readFileSync(sleepProgram), tail]));
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'memfd', path: { text: '/memfd:kworker' }, sha256 });
    expect(await stand().evidence.has(sha256)).toBe(true);
  });

  it('does not take the words of the kernel from a name', async () => {
    const { path, sha256 } = program(join(stand().folder, 'memfd:x (deleted)'));
    const child = await stand().started(path, ['1000']);
    const { rows, fact } = await stand().list();
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'present', path: { text: path }, sha256 });
    expect(fact.fileless).toBe(0);
    expect(executables().find((artifact) => artifact.sha256 === sha256)).toMatchObject({ left: true, known: false });
    expect(await stand().evidence.has(sha256)).toBe(false);
  });

  it('takes what lies on another file system than the root, such as /dev/shm', async () => {
    const { path, sha256 } = program('/dev/shm/podtriage-test-program');
    const child = await stand().started(path, ['1000']);
    try {
      const { rows } = await stand().list();
      expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'present', filesystem: 'tmpfs', sha256 });
      expect(await stand().evidence.has(sha256)).toBe(true);
    } finally {
      rmSync(path);
    }
  });

  it('says which content the store has already, and which is too big to take', async () => {
    const known = program(join(stand().folder, 'known'));
    await stand().evidence.put([readFileSync(known.path)], AbortSignal.timeout(5_000));
    const big = program(join(stand().folder, 'big'), randomBytes(100_000));
    stand().local = localContext(stand().evidence, AbortSignal.timeout(60_000), {
      limits: { fileBytes: 60_000, files: 10, totalBytes: 10_000_000, changes: 10 },
    });
    for (const { path } of [known, big]) {
      await stand().started(path, ['1000']);
      rmSync(path);
    }
    const { rows } = await stand().list();
    expect(rows.filter(({ executable }) => executable.sha256 === big.sha256)).toHaveLength(1);
    expect(executables().find(({ sha256 }) => sha256 === known.sha256)).toMatchObject({ known: true });
    expect(executables().find(({ sha256 }) => sha256 === big.sha256)).toMatchObject({ left: true });
    expect(stand().local.limits.map(({ reason }) => reason)).toEqual(['file-bytes']);
  });

  it('names an executable that is too big to hash as a gap, and lists its process', async () => {
    stand().local = localContext(stand().evidence, AbortSignal.timeout(60_000), {
      limits: { fileBytes: 1, files: 10, totalBytes: 1_000, changes: 10 },
    });
    const { rows } = await stand().list();
    expect(rowOf(rows, stand().init)?.executable.sha256).toBeUndefined();
    expect(stand().local.gaps.map(({ reason }) => reason)).toEqual(['total-bytes']);
  });

  it('keeps names of the environment and no value', async () => {
    const env = { TOKEN: 'the-value=of=it', LINES: 'first\nSECOND=the-value', EMPTY: '' };
    const child = await stand().started(sleepProgram, ['1000'], { env });
    const { rows, fact } = await stand().list();
    expect(rowOf(rows, child)?.environment.map(({ text }) => text)).toEqual(['TOKEN', 'LINES', 'EMPTY']);
    const stored = Buffer.concat(await all(stand().evidence.open(fact.sha256)));
    for (const value of ['the-value', 'first', 'SECOND']) expect(stored.includes(value)).toBe(false);
    expect(stored.includes(Buffer.from('the-value').toString('base64').slice(0, 8))).toBe(false);
  });

  it('keeps hostile arguments and names as the bytes they are, and cuts them where there are too many', async () => {
    const { path } = program(join(stand().folder, 'a) R 1 ('));
    const hostile = ['\x1b[2J\nfake 1 line', '--checkpoint=1', '\u202e', ''];
    const child = await stand().started(path, ['1000'], { argv0: hostile[0] ?? '' });
    const long = await stand().started('bash', ['-c', 'sleep 1000; :', ...hostile, 'y'.repeat(5_000)]);
    const { rows } = await stand().list();
    expect(rowOf(rows, child)?.name.text).toBe('a) R 1 (');
    expect(rowOf(rows, child)?.arguments[0]).toEqual({ b64: Buffer.from(hostile[0] ?? '').toString('base64'), text: '\\x1b[2J\\x0afake 1 line' });
    const cut = rowOf(rows, long);
    expect(cut?.arguments.slice(3, 7).map((each) => pathBytes(each).toString())).toEqual(hostile);
    expect(cut?.argumentsCut).toBe(true);
    expect(cut?.arguments.reduce((sum, each) => sum + pathBytes(each).length + 1, -1)).toBeLessThanOrEqual(4_096);
  });

  it('reads one process at a time where some have more arguments than anyone wants to read', async () => {
    const much = Array.from({ length: 18 }, () => 'y'.repeat(100_000));
    for (let count = 0; count < 8; count += 1) await stand().started('bash', ['-c', 'sleep 1000; :', ...much]);
    const child = await stand().started(sleepProgram, ['1000', '0'], { env: { TOKEN: 'the-value' } });
    const { rows } = await stand().list();
    expect(rows.filter(({ argumentsCut }) => argumentsCut)).toHaveLength(8);
    expect(rowOf(rows, child)).toMatchObject({ arguments: [{}, { text: '1000' }, { text: '0' }], environment: [{ text: 'TOKEN' }] });
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'present', sha256: sleepSha256 });
    expect(stand().local.gaps).toEqual([]);
  });

  it('shows the sockets of a process', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = String((server.address() as { port: number }).port);
    const child = await stand().started('bash', ['-c', 'exec 5<>/dev/tcp/127.0.0.1/$0; sleep 1000; :', port]);
    await until(() => execFileSync('ls', ['-l', `/proc/${child.pid}/fd`], { encoding: 'utf8' }).includes('socket'));
    await sleep(50);
    const { rows } = await stand().list();
    server.close();
    expect(rowOf(rows, child)?.sockets).toMatchObject([{ protocol: 'tcp', state: 'ESTABLISHED', remote: `127.0.0.1:${port}` }]);
  });

  it('holds a process that has ended and was not asked for to be no gap', async () => {
    const parent = await stand().started('bash', ['-c', 'sleep 0.01 & exec sleep 1000']);
    await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1').startsWith('sleep'));
    await sleep(100);
    const { rows } = await stand().list();
    // With cgroup v1 such a process has left its cgroup, and is not listed.
    const ended = rows.filter(({ parent: of }) => of === parent.pid);
    expect(ended.every(({ zombie, executable }) => zombie === true && executable.state === 'unreadable')).toBe(true);
    expect(stand().local.gaps).toEqual([]);
  });

  it('is not shown a process of a cgroup elsewhere that is called as the container', async () => {
    const other = realCgroup(`podtriage-other/${stand().id}`);
    const child = spawn(sleepProgram, ['1000'], { stdio: 'ignore' });
    other.enter(child.pid ?? 0);
    const { rows } = await stand()
      .list()
      .finally(() => other.remove());
    expect(rows.map(({ pid }) => pid)).toEqual([stand().init.pid]);
  });

  it('leaves the access time of what it reads as it was', async () => {
    const { path } = program(join(stand().folder, 'x'));
    await stand().started(path, ['1000']);
    utimesSync(path, 1_000_000_000, 1_000_000_000);
    await stand().list();
    expect(statSync(path).atimeMs).toBe(1_000_000_000_000);
  });

  it('says when there are more processes than it looks at', async () => {
    const { pid } = await stand().started('bash', ['-c', 'for i in $(seq 2100); do sleep 1000 & done; wait']);
    await until(() => execFileSync('bash', ['-c', `pgrep -c -P ${pid}; true`], { encoding: 'utf8' }).trim() === '2100');
    const { fact } = await stand().list();
    expect(fact.count).toBe(2_000);
    // A busy machine can keep readers of so many waiting, which is told as well.
    expect(stand().local.gaps.filter(({ reason }) => reason !== 'could-not-read')).toMatchObject([{ subject: 'processes', reason: 'too-many' }]);
  });

  it('refuses a node whose grep is not GNU’s: its answer would read as no processes', async () => {
    stand().instead('grep', 'echo BusyBox v1.36');
    await expect(stand().list()).rejects.toMatchObject({ code: 'tool-missing' });
  });

  it('says when the container has no process any more', async () => {
    stand().init.kill('SIGKILL');
    await new Promise((resolve) => stand().init.once('exit', resolve));
    expect((await stand().list()).rows).toEqual([]);
    expect(stand().local.gaps).toMatchObject([{ reason: 'no-process' }]);
  });
});
