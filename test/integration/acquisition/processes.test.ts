import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readListing } from '../../../playbooks/acquisition/ndjson.js';
import { pathBytes } from '../../../playbooks/domain/path-name.js';
import { type Process, processSchema } from '../../../playbooks/domain/process.js';
import type { Facts, NodeContainer } from '../../../playbooks/facts.js';
import { listProcesses } from '../../../playbooks/steps/list-processes.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { type RealCgroup, realCgroup } from '../../support/cgroup.js';
import { program, sleepProgram } from '../../support/program.js';
import { type LocalContext, localContext } from '../../support/step-context.js';
import { all, sha256Of, until } from '../../support/wait.js';

const sleepSha256 = sha256Of(readFileSync(sleepProgram));
const id = randomBytes(32).toString('hex');
let folder: string;
let evidence: Awaited<ReturnType<typeof createDiskEvidence>>;
let cgroup: RealCgroup;
let init: ChildProcess;
let local: LocalContext;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage processes-'));
  evidence = await createDiskEvidence(join(folder, 'evidence'), { hostname: 'here', machineId: 'one' });
  cgroup = realCgroup(`podtriage-test/${id}`);
  init = await started(sleepProgram, ['1000']);
  local = localContext(evidence, AbortSignal.timeout(60_000));
});

afterEach(async () => {
  await cgroup.remove();
  rmSync(folder, { recursive: true });
});

/** Starts a program in the container, and waits until it is that program that runs. */
async function started(
  program: string,
  args: string[],
  options: { argv0?: string; env?: Record<string, string>; below?: string } = {},
): Promise<ChildProcess> {
  const { below, ...rest } = options;
  const child = spawn(program, args, { stdio: 'ignore', ...rest });
  await new Promise((resolve) => child.once('spawn', resolve));
  cgroup.enter(child.pid ?? 0, below);
  return child;
}

function container(extra: Partial<NodeContainer> = {}): NodeContainer {
  return {
    name: 'web',
    id,
    kind: 'container',
    instance: 'current',
    state: 'running',
    runtime: 'containerd',
    pid: init.pid,
    rootfs: folder,
    volumes: [],
    mountPaths: [],
    ...extra,
  };
}

async function list(containers = [container()]): Promise<{ fact: Facts['processes']; rows: Process[] }> {
  const target = { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u' };
  const board = { target, node: { name: 'local', address: '127.0.0.1' }, containers };
  const { processes: fact } = await listProcesses.bind({})(board, local.ctx);
  if (fact === undefined) throw new Error('the step wrote no fact');
  return { fact, rows: await readListing(evidence, fact.sha256, processSchema) };
}

function rowOf(rows: readonly Process[], child: ChildProcess): Process | undefined {
  return rows.find(({ pid }) => pid === child.pid);
}

function executables() {
  return local.artifacts.filter(({ kind }) => kind === 'process-executable');
}

describe('list-processes', () => {
  it('lists what runs in the container, with its parent, start, arguments and directory, and nothing else of the node', async () => {
    const before = Date.now();
    const child = await started(sleepProgram, ['1000', '0'], { below: 'sub' });
    const { rows, fact } = await list();
    expect(rows.map(({ pid }) => pid)).toEqual([init.pid, child.pid].sort((a, b) => (a ?? 0) - (b ?? 0)));
    const row = rowOf(rows, child);
    expect(row).toMatchObject({ container: 'web', containerId: id, parent: process.pid, uid: 0, name: { text: 'sleep' } });
    expect(row?.arguments.map(({ text }) => text)).toEqual([sleepProgram, '1000', '0']);
    expect(row?.workingDirectory?.text).toBe(process.cwd());
    expect(row?.executable).toMatchObject({ state: 'present', path: { text: sleepProgram }, sha256: sleepSha256 });
    expect(Math.abs(Date.parse(row?.startedAt ?? '') - before)).toBeLessThan(5_000);
    expect(fact).toMatchObject({ count: 2, fileless: 0, executables: 1 });
    expect(local.gaps).toEqual([]);
  });

  it('takes the content of an executable that was deleted', async () => {
    const { path, sha256 } = program(join(folder, 'x'));
    const child = await started(path, ['1000']);
    rmSync(path);
    const { rows, fact } = await list();
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'deleted', path: { text: path }, sha256 });
    expect(fact.fileless).toBe(1);
    expect(executables().find((artifact) => artifact.sha256 === sha256)).toMatchObject({
      known: false,
      content: 'elf',
      method: 'node',
      source: { container: 'web', place: { kind: 'process', pid: child.pid }, path: { text: path } },
    });
    const { size } = await evidence.put(await evidence.open(sha256), AbortSignal.timeout(5_000));
    expect(size).toBe(statSync(sleepProgram).size + 16);
  });

  it('takes the content of an executable that never had a file', async () => {
    const tail = randomBytes(16);
    const code =
      'import os,sys; f=os.memfd_create("kworker"); os.write(f, open(sys.argv[1],"rb").read()+bytes.fromhex(sys.argv[2])); os.execv("/proc/self/fd/%d"%f, ["[kworker/0:0]", "1000"])';
    const child = await started('python3', ['-c', code, sleepProgram, tail.toString('hex')]);
    await until(() => readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').startsWith('[kworker'));
    const { rows } = await list();
    const sha256 = sha256Of(Buffer.concat([readFileSync(sleepProgram), tail]));
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'memfd', path: { text: '/memfd:kworker' }, sha256 });
    expect(await evidence.has(sha256)).toBe(true);
  });

  it('does not take the words of the kernel from a name', async () => {
    const { path, sha256 } = program(join(folder, 'memfd:x (deleted)'));
    const child = await started(path, ['1000']);
    const { rows, fact } = await list();
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'present', path: { text: path }, sha256 });
    expect(fact.fileless).toBe(0);
    expect(executables().find((artifact) => artifact.sha256 === sha256)).toMatchObject({ left: true, known: false });
    expect(await evidence.has(sha256)).toBe(false);
  });

  it('takes what lies on another file system than the root, such as /dev/shm', async () => {
    const { path, sha256 } = program('/dev/shm/podtriage-test-program');
    const child = await started(path, ['1000']);
    try {
      const { rows } = await list();
      expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'present', filesystem: 'tmpfs', sha256 });
      expect(await evidence.has(sha256)).toBe(true);
    } finally {
      rmSync(path);
    }
  });

  it('says which content the store has already, and which is too big to take', async () => {
    const known = program(join(folder, 'known'));
    await evidence.put([readFileSync(known.path)], AbortSignal.timeout(5_000));
    const big = program(join(folder, 'big'), randomBytes(100_000));
    local = localContext(evidence, AbortSignal.timeout(60_000), { limits: { fileBytes: 60_000, files: 10, totalBytes: 10_000_000, changes: 10 } });
    for (const { path } of [known, big]) {
      await started(path, ['1000']);
      rmSync(path);
    }
    const { rows } = await list();
    expect(rows.filter(({ executable }) => executable.sha256 === big.sha256)).toHaveLength(1);
    expect(executables().find(({ sha256 }) => sha256 === known.sha256)).toMatchObject({ known: true });
    expect(executables().find(({ sha256 }) => sha256 === big.sha256)).toMatchObject({ left: true });
    expect(local.limits.map(({ reason }) => reason)).toEqual(['file-bytes']);
  });

  it('names an executable that is too big to hash as a gap, and lists its process', async () => {
    local = localContext(evidence, AbortSignal.timeout(60_000), { limits: { fileBytes: 1, files: 10, totalBytes: 1_000, changes: 10 } });
    const { rows } = await list();
    expect(rowOf(rows, init)?.executable.sha256).toBeUndefined();
    expect(local.gaps.map(({ reason }) => reason)).toEqual(['total-bytes']);
  });

  it('keeps names of the environment and no value', async () => {
    const env = { TOKEN: 'the-value=of=it', LINES: 'first\nSECOND=the-value', EMPTY: '' };
    const child = await started(sleepProgram, ['1000'], { env });
    const { rows, fact } = await list();
    expect(rowOf(rows, child)?.environment.map(({ text }) => text)).toEqual(['TOKEN', 'LINES', 'EMPTY']);
    const stored = Buffer.concat(await all(evidence.open(fact.sha256)));
    for (const value of ['the-value', 'first', 'SECOND']) expect(stored.includes(value)).toBe(false);
    expect(stored.includes(Buffer.from('the-value').toString('base64').slice(0, 8))).toBe(false);
  });

  it('keeps hostile arguments and names as the bytes they are, and cuts them where there are too many', async () => {
    const { path } = program(join(folder, 'a) R 1 ('));
    const hostile = ['\x1b[2J\nfake 1 line', '--checkpoint=1', '\u202e', ''];
    const child = await started(path, ['1000'], { argv0: hostile[0] ?? '' });
    const long = await started('bash', ['-c', 'sleep 1000; :', ...hostile, 'y'.repeat(5_000)]);
    const { rows } = await list();
    expect(rowOf(rows, child)?.name.text).toBe('a) R 1 (');
    expect(rowOf(rows, child)?.arguments[0]).toEqual({ b64: Buffer.from(hostile[0] ?? '').toString('base64'), text: '\\x1b[2J\\x0afake 1 line' });
    const cut = rowOf(rows, long);
    expect(cut?.arguments.slice(3, 7).map((each) => pathBytes(each).toString())).toEqual(hostile);
    expect(cut?.argumentsCut).toBe(true);
    expect(cut?.arguments.reduce((sum, each) => sum + pathBytes(each).length + 1, -1)).toBeLessThanOrEqual(4_096);
  });

  it('reads one process at a time where some have more arguments than anyone wants to read', async () => {
    const much = Array.from({ length: 18 }, () => 'y'.repeat(100_000));
    for (let count = 0; count < 8; count += 1) await started('bash', ['-c', 'sleep 1000; :', ...much]);
    const child = await started(sleepProgram, ['1000', '0'], { env: { TOKEN: 'the-value' } });
    const { rows } = await list();
    expect(rows.filter(({ argumentsCut }) => argumentsCut)).toHaveLength(8);
    expect(rowOf(rows, child)).toMatchObject({ arguments: [{}, { text: '1000' }, { text: '0' }], environment: [{ text: 'TOKEN' }] });
    expect(rowOf(rows, child)?.executable).toMatchObject({ state: 'present', sha256: sleepSha256 });
    expect(local.gaps).toEqual([]);
  });

  it('shows the sockets of a process', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = String((server.address() as { port: number }).port);
    const child = await started('bash', ['-c', 'exec 5<>/dev/tcp/127.0.0.1/$0; sleep 1000; :', port]);
    await until(() => execFileSync('ls', ['-l', `/proc/${child.pid}/fd`], { encoding: 'utf8' }).includes('socket'));
    await sleep(50);
    const { rows } = await list();
    server.close();
    expect(rowOf(rows, child)?.sockets).toMatchObject([{ protocol: 'tcp', state: 'ESTABLISHED', remote: `127.0.0.1:${port}` }]);
  });

  it('holds a process that has ended and was not asked for to be no gap', async () => {
    const parent = await started('bash', ['-c', 'sleep 0.01 & exec sleep 1000']);
    await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1').startsWith('sleep'));
    await sleep(100);
    const { rows } = await list();
    // With cgroup v1 such a process has left its cgroup, and is not listed.
    const ended = rows.filter(({ parent: of }) => of === parent.pid);
    expect(ended.every(({ zombie, executable }) => zombie === true && executable.state === 'unreadable')).toBe(true);
    expect(local.gaps).toEqual([]);
  });

  it('is not shown a process of a cgroup elsewhere that is called as the container', async () => {
    const other = realCgroup(`podtriage-other/${id}`);
    const child = spawn(sleepProgram, ['1000'], { stdio: 'ignore' });
    other.enter(child.pid ?? 0);
    const { rows } = await list();
    await other.remove();
    expect(rows.map(({ pid }) => pid)).toEqual([init.pid]);
  });

  it('leaves the access time of what it reads as it was', async () => {
    const { path } = program(join(folder, 'x'));
    await started(path, ['1000']);
    utimesSync(path, 1_000_000_000, 1_000_000_000);
    await list();
    expect(statSync(path).atimeMs).toBe(1_000_000_000_000);
  });

  it('says when there are more processes than it looks at', async () => {
    const { pid } = await started('bash', ['-c', 'for i in $(seq 2100); do sleep 1000 & done; wait']);
    await until(() => execFileSync('bash', ['-c', `pgrep -c -P ${pid}; true`], { encoding: 'utf8' }).trim() === '2100');
    const { fact } = await list();
    expect(fact.count).toBe(2_000);
    expect(local.gaps).toMatchObject([{ subject: 'processes', reason: 'too-many' }]);
  });

  it('refuses a node whose grep is not GNU’s: its answer would read as no processes', async () => {
    const path = process.env['PATH'] ?? '';
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin', 'grep'), '#!/bin/sh\necho BusyBox v1.36\n', { mode: 0o755 });
    process.env['PATH'] = `${join(folder, 'bin')}:${path}`;
    try {
      await expect(list()).rejects.toMatchObject({ code: 'tool-missing' });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('says when the container has no process any more', async () => {
    init.kill('SIGKILL');
    await new Promise((resolve) => init.once('exit', resolve));
    expect((await list()).rows).toEqual([]);
    expect(local.gaps).toMatchObject([{ reason: 'no-process' }]);
  });
});
