import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Finder, findOnNode } from '../../../playbooks/acquisition/containers/node-container.js';
import { readNodeRecords } from '../../../playbooks/acquisition/containers/node-records.js';
import type { NodeFacts } from '../../../playbooks/acquisition/node/node-facts.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { Gap } from '../../../playbooks/domain/run.js';
import type { NodeContainer, PodContainer } from '../../../playbooks/facts.js';
import type { NodeSession } from '../../../playbooks/ports.js';
import { localNode } from '../../support/local-node.js';

const id = 'ab'.repeat(32);
const layer = 'cd'.repeat(32);
const signal = new AbortController().signal;
const target = { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u-1' };
const mapped = { uidMappings: [{ containerID: 0, hostID: 2_231_500_800, size: 65_536 }], gidMappings: [] };

let folder: string;
let mounted: string[];
let gaps: Gap[];
let ctx: Finder;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage find-'));
  mounted = [];
  gaps = [];
  ctx = { signal, ctr: ['false'], gap: (gap) => gaps.push(gap) };
});

afterEach(() => {
  for (const point of mounted.reverse()) execFileSync('umount', [point]);
  rmSync(folder, { recursive: true, force: true });
});

function podContainer(more: Partial<PodContainer> = {}): PodContainer {
  const known = { name: 'app', kind: 'container', instance: 'current', state: 'running', image: 'i', imageId: '', restarts: 0 } as const;
  return { ...known, id, runtime: 'containerd', ...more };
}

async function find(container: PodContainer, session: NodeSession = localNode(), change: Partial<NodeFacts> = {}): Promise<NodeContainer> {
  const { facts, ...known } = await readNodeRecords(session, [container.id], signal);
  return findOnNode(session, { facts: { ...facts, ...change }, ...known }, target, container, ctx);
}

function directory(...parts: readonly string[]): string {
  const path = join(folder, ...parts);
  mkdirSync(path, { recursive: true });
  return path;
}

function mountOverlay(point: string, upper: string, lowers: readonly string[], options = ''): void {
  const work = directory(`work-${mounted.length}`);
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}${options}`, point]);
  mounted.push(point);
}

function config(root: string, names: 'containerd' | 'cri-o', more: object = {}): string {
  const keys = {
    containerd: ['cri.sandbox-uid', 'cri.sandbox-name', 'cri.sandbox-namespace', 'cri.container-name'],
    'cri-o': ['pod.uid', 'pod.name', 'pod.namespace', 'container.name'],
  }[names];
  const annotations = Object.fromEntries(keys.map((key, index) => [`io.kubernetes.${key}`, ['u-1', 'web', 'shop', 'app'][index]]));
  return JSON.stringify({ root: { path: root }, annotations, mounts: [{ destination: '/data', source: '/nowhere', options: [] }], ...more });
}

describe('a container of containerd', () => {
  const snapshots = (...parts: readonly string[]) => directory('io.containerd.snapshotter.v1.overlayfs', 'snapshots', ...parts);

  function task(more: object = {}, pid = String(process.pid)): string {
    const place = directory('io.containerd.runtime.v2.task', 'k8s.io', id);
    writeFileSync(join(place, 'config.json'), config('rootfs', 'containerd', more));
    writeFileSync(join(place, 'init.pid'), pid);
    return directory('io.containerd.runtime.v2.task', 'k8s.io', id, 'rootfs');
  }

  /** A stand-in for containerd's client: what it prints is what ctr 2.2 prints. */
  function fakeCtr(mount: string, snapshotter = 'overlayfs'): void {
    const info = JSON.stringify({ ID: id, Snapshotter: snapshotter, SnapshotKey: id, Spec: JSON.parse(config('rootfs', 'containerd')) as object });
    const program = join(folder, 'ctr');
    const script = [
      '#!/bin/sh',
      'if [ "$*" = "-n k8s.io containers info $ID" ]; then cat "$0.info"',
      'elif [ "$*" = "-n k8s.io snapshots --snapshotter $SNAPSHOTTER mounts /podtriage $ID" ]; then cat "$0.mount"',
      'else echo "ctr: what is $*" >&2; exit 1; fi',
    ].join('\n');
    writeFileSync(program, script.replaceAll('$ID', id).replaceAll('$SNAPSHOTTER', snapshotter));
    writeFileSync(`${program}.info`, info);
    writeFileSync(`${program}.mount`, `${mount}\n`);
    chmodSync(program, 0o755);
    ctx = { ...ctx, ctr: [program] };
  }

  it('is found by the node’s own mount table; a process of that number that is not in its cgroup is not its own', async () => {
    const root = task();
    mountOverlay(root, snapshots('3', 'fs'), [snapshots('2', 'fs'), snapshots('1', 'fs')]);
    expect(await find(podContainer())).toEqual({
      name: 'app',
      id,
      kind: 'container',
      instance: 'current',
      state: 'ended',
      runtime: 'containerd',
      rootfs: root,
      overlay: {
        merged: root,
        upper: snapshots('3', 'fs'),
        lowers: [snapshots('2', 'fs'), snapshots('1', 'fs')],
        metacopy: false,
        redirects: false,
        userxattr: false,
      },
      volumes: expect.any(Array) as unknown,
      mountPaths: ['/data'],
    });
    // The pod's status says that it runs: another instance may do so by now.
    expect(gaps).toMatchObject([{ reason: 'container-not-running', detail: expect.stringContaining('has ended since') as string }]);
  });

  it('says what an overlay can hide: by the options of the mount, or the kernel’s defaults', async () => {
    mountOverlay(task(), snapshots('2', 'fs'), [snapshots('1', 'fs')], ',metacopy=on,redirect_dir=on');
    expect((await find(podContainer())).overlay).toMatchObject({ metacopy: true, redirects: true });
    execFileSync('umount', [mounted.pop() ?? '']);
    mountOverlay(task(), snapshots('4', 'fs'), [snapshots('1', 'fs')]);
    expect((await find(podContainer(), localNode(), { metacopyDefault: true, redirectsDefault: true })).overlay).toMatchObject({
      metacopy: true,
      redirects: true,
    });
  });

  it('has its layers beside the upper one where the mount names them relative to it, as containerd does with many', async () => {
    const root = task();
    mountOverlay(root, snapshots('130', 'fs'), [snapshots('2', 'fs'), snapshots('1', 'fs')]);
    const { facts } = await readNodeRecords(localNode(), [], signal);
    const mounts = facts.mounts.map((mount) =>
      mount.mountPoint === root ? { ...mount, superOptions: mount.superOptions.replace(/lowerdir=[^,]*/, 'lowerdir=2/fs:1/fs') } : mount,
    );
    const found = await find(podContainer(), localNode(), { mounts });
    expect(found.overlay?.lowers).toEqual([snapshots('2', 'fs'), snapshots('1', 'fs')]);
  });

  it('that has ended is known to containerd alone, and is no longer mounted', async () => {
    fakeCtr(`mount -t overlay overlay /podtriage -o index=off,workdir=/w,upperdir=/s/3/fs,lowerdir=/s/2/fs:/s/1/fs`);
    const found = await find(podContainer({ instance: 'previous', state: 'terminated' }));
    expect(found).toMatchObject({ instance: 'previous', state: 'ended', overlay: { upper: '/s/3/fs', lowers: ['/s/2/fs', '/s/1/fs'] } });
    expect(found.overlay?.merged).toBeUndefined();
    expect(found.rootfs).toBeUndefined();
    expect(found.pid).toBeUndefined();
    expect(gaps).toEqual([]);
  });

  it('has its true layers from containerd where those of the mount are not on the node', async () => {
    const hidden = directory('ovl-idmapped1', '2', 'fs');
    mountOverlay(task({ linux: mapped }), snapshots('3', 'fs'), [hidden]);
    renameSync(join(folder, 'ovl-idmapped1'), join(folder, 'gone'));
    fakeCtr(
      `mount -t overlay overlay /podtriage -o uidmap=0:2231500800:65536,upperdir=${snapshots('3', 'fs')},lowerdir=${snapshots('2', 'fs')},workdir=/w`,
    );
    const found = await find(podContainer());
    expect(found.overlay?.lowers).toEqual([snapshots('2', 'fs')]);
    expect(found.idMaps).toEqual({ uids: [{ container: 0, node: 2_231_500_800, size: 65_536 }], gids: [] });
  });

  it('is refused when containerd and the mount table name different layers of it', async () => {
    mountOverlay(task({ linux: mapped }), snapshots('3', 'fs'), [snapshots('2', 'fs')]);
    fakeCtr('mount -t overlay overlay /podtriage -o upperdir=/another/fs,lowerdir=/l,workdir=/w');
    await expect(find(podContainer())).rejects.toMatchObject({ code: 'runtime-unsupported' });
  });

  it('without an upper directory has a root file system all the same, running or ended', async () => {
    const [root, copy] = [task(), directory('native', 'snapshots', '4')];
    execFileSync('mount', ['--bind', copy, root]);
    mounted.push(root);
    expect(await find(podContainer())).toMatchObject({ rootfs: root });
    execFileSync('umount', [mounted.pop() ?? '']);
    fakeCtr(`mount -t bind ${copy} /podtriage -o rbind,rw`, 'native');
    const ended = await find(podContainer());
    expect(ended).toMatchObject({ rootfs: copy, state: 'ended' });
    expect(ended.overlay).toBeUndefined();
  });

  it('that has ended needs ctr, and where there is none the way to name it is told', async () => {
    const local = localNode();
    const without: NodeSession = {
      ...local,
      start: (command, stop) =>
        command.name === 'ctr-info' ? Promise.reject(new TriageError('tool-missing', 'exit 127')) : local.start(command, stop),
    };
    await expect(find(podContainer(), without)).rejects.toMatchObject({
      code: 'tool-missing',
      message: expect.stringContaining('PODTRIAGE_CTR') as string,
    });
  });

  it('that nobody has a record of is not there; which instance it was is told', async () => {
    ctx = { ...ctx, ctr: ['sh', '-c', 'echo "ctr: container \\"x\\": not found" >&2; exit 1'] };
    await expect(find(podContainer({ instance: 'previous' }))).rejects.toMatchObject({
      code: 'container-not-running',
      message: expect.stringContaining('previous instance') as string,
    });
  });

  it.each([['uid'], ['name']])('that belongs to another pod by its %s is refused', async (what) => {
    mountOverlay(task(), snapshots('2', 'fs'), [snapshots('1', 'fs')]);
    const other = what === 'uid' ? { ...target, uid: 'u-2' } : { ...target, pod: 'other' };
    await expect(findOnNode(localNode(), await readNodeRecords(localNode(), [id], signal), other, podContainer(), ctx)).rejects.toMatchObject({
      code: 'uid-mismatch',
    });
  });
});

describe('a container of CRI-O', () => {
  const links = ['A'.repeat(26), 'B'.repeat(26)];
  const storage = (...parts: readonly string[]) => directory('storage', 'overlay', ...parts);

  /** Layers as containers/storage keeps them, and the record in its static folder, which has no process id. */
  function store(more: object = {}): string {
    const root = storage(layer, 'merged');
    storage('l');
    for (const [index, link] of links.entries()) {
      storage(`lower${index}`, 'diff');
      symlinkSync(`../lower${index}/diff`, join(folder, 'storage', 'overlay', 'l', link));
    }
    writeFileSync(join(storage(layer), 'lower'), links.map((link) => `l/${link}`).join(':'));
    writeFileSync(join(directory('storage', 'overlay-containers', id, 'userdata'), 'config.json'), config(root, 'cri-o', more));
    return root;
  }

  /** Some other container of the node, by whose mount the storage is found. */
  function neighbour(options = ''): void {
    mountOverlay(storage('ef'.repeat(32), 'merged'), storage('ef'.repeat(32), 'diff'), [directory('base')], options);
  }

  const lowers = () => links.map((link) => join(folder, 'storage', 'overlay', 'l', link));

  it('that has ended is found by its own mount, which stays', async () => {
    const root = store();
    mountOverlay(root, storage(layer, 'diff'), lowers());
    const found = await find(podContainer({ runtime: 'cri-o', state: 'terminated' }));
    expect(found).toMatchObject({ state: 'ended', rootfs: root, overlay: { merged: root, upper: storage(layer, 'diff'), lowers: lowers() } });
  });

  it('that is no longer mounted is found in the storage, with what its neighbours’ mounts can hide', async () => {
    store();
    neighbour(',metacopy=on,redirect_dir=on');
    const found = await find(podContainer({ runtime: 'cri-o', state: 'terminated' }));
    expect(found).toMatchObject({
      state: 'ended',
      overlay: { upper: storage(layer, 'diff'), lowers: lowers(), metacopy: true, redirects: true },
    });
    expect(found.overlay?.merged).toBeUndefined();
  });

  it('has its layers from the storage where the mount names what the node does not have', async () => {
    const root = store({ linux: mapped });
    mountOverlay(root, storage(layer, 'diff'), [storage(layer, 'mapped', '0')]);
    const found = await find(podContainer({ runtime: 'cri-o' }));
    expect(found.overlay?.lowers).toEqual(lowers());
    expect(found.idMaps?.uids).toHaveLength(1);
  });

  it('has them from there, too, where the mount names numbers of file descriptors', async () => {
    const root = store();
    mountOverlay(root, storage(layer, 'diff'), lowers());
    const { facts } = await readNodeRecords(localNode(), [], signal);
    const mounts = facts.mounts.map((mount) =>
      mount.mountPoint === root ? { ...mount, superOptions: mount.superOptions.replace(/lowerdir=[^,]*/, 'lowerdir=3:6:7') } : mount,
    );
    expect((await find(podContainer({ runtime: 'cri-o' }), localNode(), { mounts })).overlay?.lowers).toEqual(lowers());
  });

  it('with another lower file than containers/storage writes is refused', async () => {
    store();
    neighbour();
    writeFileSync(join(storage(layer), 'lower'), '/etc');
    await expect(find(podContainer({ runtime: 'cri-o' }))).rejects.toMatchObject({ code: 'command-failed' });
  });
});
