import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMountinfo } from '../../../playbooks/acquisition/node/mountinfo.js';
import type { ProcessPlace } from '../../../playbooks/acquisition/trees/process-place.js';
import { processTree } from '../../../playbooks/acquisition/trees/process-tree.js';
import type { FileToMove } from '../../../playbooks/acquisition/trees/tree-reader.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { type RealCgroup, realCgroup } from '../../support/cgroup.js';
import { type LeaseHow, leaseOn } from '../../support/lease.js';
import { localNode } from '../../support/local-node.js';

const id = randomBytes(32).toString('hex');
const secret = 'secret of the node\n';

let folder: string;
let evidence: EvidenceKeeper;
let cgroup: RealCgroup;
let init: ChildProcess;
let holders: ChildProcess[];
let point: string;
let signal: AbortSignal;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage tree-'));
  point = join(folder, 'a', 'mem space');
  ({ signal } = new AbortController());
  holders = [];
  evidence = await createDiskEvidence(join(folder, 'evidence'), { hostname: 'here', machineId: 'one' });
  execFileSync('bash', ['--norc', '-euc', 'mkdir -p "$0"; mkdir "$1/node"; printf %s "$2" >"$1/node/f"', point, folder, secret]);
  cgroup = realCgroup(`podtriage-tree-test/${id}`);
  init = spawn('unshare', ['-m', 'bash', '--norc', '-euc', 'mount -t tmpfs tmpfs "$0"; echo ready; exec sleep 1000', point], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => init.stdout?.once('data', resolve));
  cgroup.enter(pid());
});

afterEach(async () => {
  for (const holder of holders) holder.kill('SIGKILL');
  await cgroup.remove();
  rmSync(folder, { recursive: true });
});

function pid(): number {
  return init.pid ?? 0;
}

/** Runs a script as a process of the container would, with the mount as working directory. */
function inMount(script: string, ...args: string[]): void {
  execFileSync('nsenter', ['-m', '-t', String(pid()), 'bash', '--norc', '-euc', `cd "$0"; ${script}`, point, ...args]);
}

/** Lets somebody in the container hold leases on files of the mount. */
async function lease(how: LeaseHow, ...names: string[]): Promise<void> {
  const within = ['nsenter', '-m', '-t', String(pid())];
  holders.push(
    await leaseOn(
      names.map((name) => join(point, name)),
      how,
      within,
    ),
  );
}

function place(more: Partial<ProcessPlace> = {}): ProcessPlace {
  const mount = parseMountinfo(readFileSync(`/proc/${pid()}/mountinfo`, 'utf8')).findLast(({ mountPoint }) => mountPoint === point);
  if (mount === undefined) throw new Error('the mount is not there');
  return { pid: pid(), containerId: id, device: mount.device, mountId: mount.id, mountPoint: point, ...more };
}

function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}

function file(path: string, size: number, hash?: string): FileToMove {
  return { path: Buffer.from(path, 'latin1'), size, sha256: hash };
}

async function names(from = place()): Promise<string[]> {
  const { entries } = await processTree(localNode(), from).walk(1_000, signal);
  return entries.map(({ type, path }) => `${type} ${path.toString('latin1')}`).sort();
}

describe('a file system in memory that only a container has mounted', () => {
  it('is listed, hashed and moved, whatever its names are', async () => {
    inMount(
      String.raw`mkdir -p d/e; printf one >d/e/f; printf two >$'new\nline'; printf three >./-rf; printf four >$'\xff'; : >empty; mkfifo pipe; mknod null c 1 3`,
    );
    expect(await names()).toEqual(
      ['char null', 'directory d', 'directory d/e', 'fifo pipe', 'file -rf', 'file d/e/f', 'file empty', 'file new\nline', 'file \xff'].sort(),
    );
    const contents = { 'd/e/f': 'one', 'new\nline': 'two', '-rf': 'three', '\xff': 'four', empty: '' };
    const files = Object.entries(contents).map(([path, content]) => file(path, content.length, sha256(content)));
    const tree = processTree(localNode(), place());
    const hashed = await tree.hash(files, signal);
    const moved = await tree.move(files, { evidence, strict: true }, signal);
    for (const { path, sha256: hash } of files) {
      const key = Buffer.from(path).toString('latin1');
      expect(hashed.get(key)).toMatchObject({ outcome: 'hashed', sha256: hash, steady: true });
      expect(moved.get(key)).toMatchObject({ outcome: 'stored', evidence: { sha256: hash } });
    }
  });

  it('moves content of every byte, larger than any buffer, exactly', async () => {
    inMount('head -c 5000001 /dev/urandom >big');
    const content = readFileSync(`/proc/${pid()}/root${point}/big`);
    const moved = await processTree(localNode(), place()).move([file('big', content.length, sha256(content))], { evidence, strict: true }, signal);
    expect(moved.get('big')).toMatchObject({ outcome: 'stored', evidence: { sha256: sha256(content), size: content.length } });
  });

  it('leaves access times of files as they are', async () => {
    inMount('printf x >f; touch -a -d 2001-01-01 f');
    const tree = processTree(localNode(), place());
    await tree.hash([file('f', 1)], signal);
    await tree.move([file('f', 1, sha256('x'))], { evidence, strict: true }, signal);
    inMount('[ "$(stat -c %X f)" = "$(date -d 2001-01-01 +%s)" ]');
  });

  it('does not read what is larger than what was listed by far, such as a huge sparse file', async () => {
    inMount('printf x >f; truncate -s 10G huge');
    const tree = processTree(localNode(), place());
    expect((await tree.hash([file('f', 1), file('huge', 1)], signal)).get('huge')).toBeUndefined();
    expect((await tree.walk(10, signal)).entries.find(({ path }) => path.toString() === 'huge')?.size).toBe(10 * 1024 ** 3);
  });

  it('takes a file that was replaced by another since it was walked past, and says when the content is another', async () => {
    inMount('printf before >f');
    const tree = processTree(localNode(), place());
    await tree.walk(10, signal);
    inMount('printf after. >g; mv g f');
    expect((await tree.hash([file('f', 6)], signal)).get('f')).toMatchObject({ outcome: 'hashed', sha256: sha256('after.') });
    expect((await tree.move([file('f', 6, sha256('before'))], { evidence, strict: true }, signal)).get('f')).toEqual({ outcome: 'differs' });
    expect(await evidence.has(sha256('after.'))).toBe(false);
    const loose = await tree.move([file('f', 6, sha256('before'))], { evidence, strict: false }, signal);
    expect(loose.get('f')).toMatchObject({ outcome: 'stored', evidence: { sha256: sha256('after.') } });
  });

  it('reads a file with a thousand names once', async () => {
    inMount('printf x >f; for i in $(seq 1000); do ln f "n$i"; done');
    const hashed = await processTree(localNode(), place()).hash([file('f', 1), file('n7', 1)], signal);
    expect([...hashed.keys()].sort()).toEqual(['f', 'n7']);
  });

  it('waits for files that somebody holds leases on until the kernel has broken them, and not for ever for one that is leased anew each time', async () => {
    inMount('printf held >held; ln held twin; printf also >also; printf free >free; printf anew >anew');
    await lease('holds', 'held', 'also');
    await lease('gives-way', 'anew');
    const began = performance.now();
    const tree = processTree(localNode(), place());
    const files = ['held', 'also', 'free', 'anew'].map((name) => file(name, 4, sha256(name)));
    const hashed = await tree.hash(files, signal);
    for (const { path, sha256: hash } of files.slice(0, 3)) {
      expect(hashed.get(path.toString())).toMatchObject({ outcome: 'hashed', sha256: hash, steady: true });
    }
    expect(hashed.has('anew')).toBe(false);
    expect(performance.now() - began).toBeLessThan(80_000);
    expect((await tree.move(files.slice(0, 1), { evidence, strict: true }, signal)).get('held')).toMatchObject({ outcome: 'stored' });
  });

  it('ends the walk at the most entries that are asked for', async () => {
    inMount('touch $(seq 100)');
    const walk = await processTree(localNode(), place()).walk(7, signal);
    expect({ entries: walk.entries.length, complete: walk.complete }).toEqual({ entries: 7, complete: false });
  });
});

describe('nothing of the node is ever read', () => {
  it('through absolute and relative links inside', async () => {
    inMount('ln -s "$1/node" dir; ln -s "$1/node/f" abs; ln -s ../../node/f rel', folder);
    expect(await names()).toEqual(['symlink abs', 'symlink dir', 'symlink rel']);
    const tree = processTree(localNode(), place());
    const files = ['dir/f', 'abs', 'rel'].map((path) => file(path, secret.length));
    expect(await tree.hash(files, signal)).toEqual(new Map());
    expect(await tree.move(files, { evidence, strict: false }, signal)).toEqual(new Map());
  });

  it('while a directory is swapped for a link', async () => {
    inMount('mkdir a; printf mine >a/f');
    const swap = 'cd "$0"; while :; do mv a b; ln -s "$1/node" a; rm a; mv b a; done';
    const loop = spawn('nsenter', ['-m', '-t', String(pid()), 'bash', '--norc', '-c', swap, point, folder], { stdio: 'ignore' });
    cgroup.enter(loop.pid ?? 0);
    const outcomes = new Set<string>();
    for (let round = 0; round < 15; round += 1) {
      const tree = processTree(localNode(), place());
      const hashed = (await tree.hash([file('a/f', 4)], signal)).get('a/f');
      if (hashed?.outcome === 'hashed') outcomes.add(hashed.sha256);
      await tree.move([file('a/f', 4)], { evidence, strict: false }, signal);
    }
    expect([...outcomes].filter((each) => each !== sha256('mine'))).toEqual([]);
    expect(await evidence.has(sha256(secret))).toBe(false);
  });

  it('while a file is swapped for a FIFO and for a device, and none of it is waited for', async () => {
    inMount('printf mine >f; mkfifo p; mknod d c 1 5; printf leased >leased');
    await lease('gives-way', 'leased');
    const swap = 'cd "$0"; while :; do ln f g; mv p f; mv f p; mv d f; mv f d; mv g f; done';
    const loop = spawn('nsenter', ['-m', '-t', String(pid()), 'bash', '--norc', '-c', swap, point], { stdio: 'ignore' });
    cgroup.enter(loop.pid ?? 0);
    const outcomes = new Set<string>();
    const began = performance.now();
    for (let round = 0; round < 15; round += 1) {
      const hashed = (await processTree(localNode(), place()).hash([file('f', 4)], signal)).get('f');
      outcomes.add(hashed?.outcome === 'hashed' ? hashed.sha256 : (hashed?.outcome ?? 'unread'));
    }
    expect(performance.now() - began).toBeLessThan(30_000);
    expect([...outcomes].filter((each) => ![sha256('mine'), 'unread', 'unsure'].includes(each))).toEqual([]);
  });

  it('where a parent of the mount point is a link to a directory of the node', async () => {
    const at = place();
    // The mount point stays reachable under its true name; the name that the container shows leads to the node.
    execFileSync('nsenter', [
      '-m',
      '-t',
      String(pid()),
      'bash',
      '-euc',
      'mkdir -p "$0/other/mem space"; cp "$0/node/f" "$0/other/mem space/f"',
      folder,
    ]);
    execFileSync('bash', ['--norc', '-euc', 'mv "$0/a" "$0/true"; ln -s "$0/other" "$0/a"', folder]);
    // The kernel shows the mount where it is now.
    expect(await names(at)).toEqual([]);
  });

  it('where the mount is covered by another, detached, or the process is not of the container', async () => {
    const at = place();
    execFileSync('nsenter', ['-m', '-t', String(pid()), 'mount', '--bind', join(folder, 'node'), point]);
    await expect(names(at)).rejects.toMatchObject({ code: 'path-race' });
    expect(await processTree(localNode(), at).hash([file('f', 1)], signal)).toEqual(new Map([['f', { outcome: 'path-race' }]]));
    execFileSync('nsenter', ['-m', '-t', String(pid()), 'bash', '--norc', '-euc', 'umount "$0"; umount "$0"', point]);
    await expect(names(at)).rejects.toMatchObject({ code: 'pod-gone' });
    expect(await processTree(localNode(), at).move([file('f', 1)], { evidence, strict: true }, signal)).toEqual(new Map());
    await expect(names({ ...at, pid: process.pid })).rejects.toMatchObject({ code: 'pod-gone' });
  });

  it('where the device is one that the node has mounted', async () => {
    const [root] = parseMountinfo(readFileSync(`/proc/${pid()}/mountinfo`, 'utf8')).filter(({ mountPoint }) => mountPoint === '/');
    await expect(names(place({ device: root?.device ?? '', mountId: root?.id ?? 0 }))).rejects.toMatchObject({ code: 'path-race' });
  });
});
