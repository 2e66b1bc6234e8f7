import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NodeRecords, parseNodeRecords, readNodeRecords } from '../../../playbooks/acquisition/containers/node-records.js';
import { localNode } from '../../support/local-node.js';

// Not the ids of other tests: the mount table of the machine is theirs as well.
const [one, two, sandbox] = ['1b'.repeat(32), '2d'.repeat(32), '3f'.repeat(32)];
const signal = new AbortController().signal;

let folder: string;
let mounted: string[];
let commands: string[];
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "podtriage it's \\ records-"));
  mounted = [];
  commands = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  for (const point of mounted.reverse()) execFileSync('umount', [point]);
  rmSync(folder, { recursive: true, force: true });
});

function read(ids: readonly string[], env: Record<string, string> = {}): Promise<NodeRecords> {
  return readNodeRecords(localNode({ env, onStart: ({ name }) => commands.push(name) }), ids, signal);
}

function mountedAt(...parts: readonly string[]): string {
  const point = join(folder, ...parts);
  mkdirSync(point, { recursive: true });
  execFileSync('mount', ['--bind', point, point]);
  mounted.push(point);
  return point;
}

function config(runtime: 'containerd' | 'cri-o', container: string, more: object = {}): string {
  const keys = {
    containerd: ['cri.sandbox-uid', 'cri.sandbox-name', 'cri.sandbox-namespace', 'cri.container-name'],
    'cri-o': ['pod.uid', 'pod.name', 'pod.namespace', 'container.name'],
  }[runtime];
  const said = Object.fromEntries(keys.map((key, index) => [`io.kubernetes.${key}`, ['u-1', 'web', 'shop', container][index]]));
  return JSON.stringify({ root: { path: 'rootfs' }, annotations: { ...said, ...more } });
}

/** A record in a folder of its own. */
function record(place: string, text: string, pidFile: string, pid: string): void {
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'config.json'), text);
  writeFileSync(join(place, pidFile), pid);
}

/** An environment in which this tool is a script. */
function withTool(tool: string, does: string): Record<string, string> {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, tool), `#!/bin/sh\n${does}\n`);
  chmodSync(join(bin, tool), 0o755);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}

const tasks = ['io.containerd.runtime.v2.task', 'k8s.io'];

function task(id: string, name: string, pid = String(process.pid)): void {
  record(join(folder, ...tasks, id), config('containerd', name, { 'io.kubernetes.cri.sandbox-id': sandbox }), 'init.pid', pid);
}

describe('records of containers', () => {
  it('are read together, each where the node’s mount table shows that its runtime keeps it', async () => {
    task(one, 'app');
    mountedAt(...tasks, one, 'rootfs');
    const directory = { 'io.kubernetes.cri.sandbox-log-directory': '/k/logs/shop_web_u-1' };
    record(join(folder, ...tasks, sandbox), config('containerd', '', directory), 'init.pid', '');
    mountedAt('overlay-containers', sandbox, 'userdata', 'shm');
    record(join(folder, 'overlay-containers', two, 'userdata'), config('cri-o', 'side'), 'pidfile', `${process.pid}\n`);
    const { records, facts } = await read([one, two, sandbox.replace('3f', 'aa')]);
    expect(commands).toEqual(['node-records']);
    expect([...records.keys()]).toEqual([one, two]);
    expect(records.get(one)).toMatchObject({
      runtime: 'containerd',
      container: 'app',
      root: join(folder, ...tasks, one, 'rootfs'),
      podLogs: '/k/logs',
      process: { pid: process.pid, mountsCut: false },
    });
    expect(records.get(two)).toMatchObject({ runtime: 'cri-o', container: 'side', process: { pid: process.pid } });
    for (const { process: init } of records.values()) {
      expect(init?.mounts.some(({ mountPoint }) => mountPoint === '/')).toBe(true);
      expect(init?.cgroup).toContain(':/');
    }
    expect(facts.mounts.filter(({ mountPoint }) => mountPoint.startsWith(folder))).toHaveLength(2);
    expect(facts.tools).toMatchObject({ find: expect.stringContaining('GNU') as string, mount: expect.stringContaining('util-linux') as string });
  });

  it('are looked for in CRI-O’s run root before its storage, as there they name the process', async () => {
    mountedAt('g', 'overlay', two, 'merged');
    mountedAt('r', 'overlay-containers', two, 'userdata', 'shm');
    record(join(folder, 'g', 'overlay-containers', one, 'userdata'), config('cri-o', 'of the storage'), 'other', '');
    expect((await read([one])).records.get(one)).toMatchObject({ container: 'of the storage' });
    record(join(folder, 'r', 'overlay-containers', one, 'userdata'), config('cri-o', 'of the run root'), 'pidfile', '1');
    expect((await read([one])).records.get(one)).toMatchObject({ container: 'of the run root', process: { pid: 1 } });
  });

  it('are not looked for where a mount elsewhere bears the id, nor in what is no file', async () => {
    record(join(folder, 'data', one), config('containerd', 'app'), 'init.pid', '1');
    mountedAt('data', one, 'rootfs');
    mountedAt('overlay', 'not-a-layer', 'merged');
    record(join(folder, 'overlay-containers', one, 'userdata'), config('cri-o', 'app'), 'pidfile', '1');
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    mountedAt(...tasks, two, 'rootfs');
    execFileSync('mkfifo', [join(folder, ...tasks, two, 'config.json')]);
    expect((await read([one, two])).records.size).toBe(0);
  });

  it.each(['', '-1', 'x', '999999999', '1 2'])('with %j for a process have none', async (pid) => {
    task(one, 'app', pid);
    mountedAt(...tasks, one, 'rootfs');
    expect((await read([one])).records.get(one)?.process).toBeUndefined();
  });

  it('have no process where it is dead and not yet buried', async () => {
    const script = 'sleep 0 & echo $!; exec sleep 1000';
    const parent = spawn('bash', ['--norc', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(parent);
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    task(one, 'app', said.toString());
    mountedAt(...tasks, one, 'rootfs');
    expect((await read([one])).records.get(one)?.process).toBeUndefined();
  });

  it('say so where a process has a longer mount table than is read, and the others are read all the same', async () => {
    const script =
      'for i in $(seq 15); do d=$d/$(printf %0250d "$i"); done; mkdir -p "$1$d"; cd "$1$d"; for i in $(seq 400); do mount --bind . .; done; ';
    const hostile = spawn('unshare', ['-m', 'bash', '--norc', '-euc', `d=; ${script}echo ready; exec sleep 1000`, 'x', join(folder, 'm')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(hostile);
    await once(hostile.stdout, 'data');
    task(one, 'app', String(hostile.pid));
    task(two, 'side');
    for (const id of [one, two]) mountedAt(...tasks, id, 'rootfs');
    const { records } = await read([one, two]);
    expect(records.get(one)?.process).toMatchObject({ pid: hostile.pid, mountsCut: true });
    expect(records.get(two)?.process).toMatchObject({ pid: process.pid, mountsCut: false });
  });

  it('say so where the mount table of a process could be read in part only', async () => {
    task(one, 'app');
    mountedAt(...tasks, one, 'rootfs');
    const env = withTool('head', '/usr/bin/head "$@" | /usr/bin/head -c 300; exit 1');
    const { records } = await read([one], env);
    expect(records.get(one)?.process).toMatchObject({ pid: process.pid, mountsCut: true });
    expect(records.get(one)?.process?.mounts.length).toBeGreaterThan(0);
  });

  it('do not suffer for one that is too long to be read: each is read by itself then', async () => {
    for (const [id, name] of [
      [one, 'app'],
      [two, 'side'],
    ] as const) {
      task(id, name);
      mountedAt(...tasks, id, 'rootfs');
    }
    writeFileSync(join(folder, ...tasks, one, 'config.json'), config('containerd', 'app', { long: 'x'.repeat(65 * 1024 ** 2) }));
    const { records, failures, facts } = await read([one, two]);
    expect([...records.keys()]).toEqual([two]);
    expect([...failures].map(([id, { code }]) => [id, code])).toEqual([[one, 'limit-exceeded']]);
    expect(facts.mounts.length).toBeGreaterThan(0);
  });

  it.each(['awk', 'grep'])('are not whole where %s was killed', async (tool) => {
    task(one, 'app');
    mountedAt(...tasks, one, 'rootfs');
    const env = withTool(tool, `/usr/bin/${tool} "$@" | head -n 2; kill -KILL $$`);
    await expect(read([one], env)).rejects.toMatchObject({ code: 'command-failed' });
  });

  it('keep the cgroup of a process whole, whatever bytes its name has', () => {
    const tools = ['find findutils', 'xargs findutils', 'tar tar', 'sha256sum coreutils', 'stat coreutils'];
    const facts = tools.map((tool) => `tools ${tool.replace(' ', ' GNU ')}\n`).join('');
    const sections = [1, 2].map((n) => `${n}.runtime containerd\n${n}.folder /t\n${n}.config ${config('containerd', `c${n}`)}\n${n}.pid ${n}00\n`);
    const forged = '0::/a\r/proc/200/cgroup:0::/b';
    const cgroups = `/proc/100/cgroup:${forged}\n/proc/200/cgroup:0::/c\n/proc/self/cgroup:0::/\n`;
    const { records } = parseNodeRecords(`${facts}${sections.join('')}end\n${cgroups}`, [one, two], 'node');
    expect([one, two].map((id) => records.get(id)?.process?.cgroup)).toEqual([`${forged}\n`, '0::/c\n']);
    expect(() => parseNodeRecords(`${facts}end\n/proc/self/cgroup:0::/`, [], 'node')).toThrow('has no end');
  });

  it('are not whole without their end', async () => {
    const session = localNode();
    const cut = {
      ...session,
      start: (command: Parameters<typeof session.start>[0]) => session.start({ ...command, argv: ['echo', 'mounts x'] }, signal),
    };
    await expect(readNodeRecords(cut, [one], signal)).rejects.toMatchObject({ code: 'transfer-truncated' });
  });
});
