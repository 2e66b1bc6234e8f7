import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMountinfo } from '../../../playbooks/acquisition/node/mountinfo.js';
import { containerVolumes } from '../../../playbooks/acquisition/volumes/container-volumes.js';
import { isBlindSpot, isContentTaken, treatmentOf } from '../../../playbooks/acquisition/volumes/volume-entries.js';
import type { ContainerVolume } from '../../../playbooks/facts.js';

const uid = '73ebb099-05aa-4d33-b79e-2ad62bd0bab1';
const pod = `/var/lib/kubelet/pods/${uid}`;
const other = '/var/lib/kubelet/pods/11111111-2222-3333-4444-555555555555';
const id = 'd'.repeat(64);
const sandbox = 'c'.repeat(64);
const shm = `/run/containerd/io.containerd.grpc.v1.cri/sandboxes/${sandbox}/shm`;

const node = parseMountinfo(
  [
    '20 1 254:0 / / rw - ext4 /dev/vda rw',
    '21 1 0:5 / /dev rw - devtmpfs udev rw',
    '22 1 0:26 / /run rw - tmpfs tmpfs rw',
    `30 20 0:180 / ${pod}/volumes/kubernetes.io~empty-dir/mem rw - tmpfs tmpfs rw`,
    `31 20 0:186 / ${pod}/volumes/kubernetes.io~secret/sec rw - tmpfs tmpfs rw`,
    `32 20 254:0 ${pod}/volumes/kubernetes.io~empty-dir/disk/a/b ${pod}/volume-subpaths/disk/web/1 rw - ext4 /dev/vda rw`,
    `33 20 0:180 /x ${pod}/volume-subpaths/mem/web/3 rw - tmpfs tmpfs rw`,
    `34 20 0:178 / ${shm} rw - tmpfs shm rw`,
    `35 20 8:16 / ${pod}/volumes/kubernetes.io~csi/pvc-1/mount rw - ext4 /dev/sdb rw`,
    `36 20 8:16 / ${other}/volumes/kubernetes.io~csi/pvc-1/mount rw - ext4 /dev/sdb rw`,
    `37 20 8:32 / ${pod}/volumes/kubernetes.io~nfs/share rw - nfs4 server:/x rw`,
    '40 22 0:190 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs rw - overlay overlay rw,lowerdir=/l,upperdir=/var/lib/containerd/snapshots/3/fs,workdir=/w',
    '41 20 8:48 /data /the/disk rw - xfs /dev/sdc rw',
  ].join('\n'),
);

function recorded(destination: string, source: string, readOnly = false) {
  return { destination, source, readOnly };
}

function volumes(mounts: ReturnType<typeof recorded>[], own = ''): ContainerVolume[] {
  const known = recorded('/etc/hosts', `${pod}/etc-hosts`);
  return containerVolumes({ id, mounts: [known, ...mounts], podUid: uid, own: parseMountinfo(own), node }).filter(
    ({ mountPath }) => mountPath !== '/etc/hosts',
  );
}

function only(mount: ReturnType<typeof recorded>, own = ''): ContainerVolume & { treatment: string } {
  const [first] = volumes([mount], own);
  if (first === undefined) throw new Error('no volume was made of it');
  return { ...first, treatment: treatmentOf(first) };
}

describe('a mount of the runtime’s record', () => {
  it('of kubelet is called by plugin and name, with the file system that the node shows', () => {
    expect(only(recorded('/disk', `${pod}/volumes/kubernetes.io~empty-dir/disk`))).toEqual({
      volume: 'disk',
      kind: 'empty-dir',
      mountPath: '/disk',
      source: `${pod}/volumes/kubernetes.io~empty-dir/disk`,
      device: '254:0',
      filesystem: 'ext4',
      readOnly: false,
      shared: 'pod',
      treatment: 'taken',
    });
    expect(only(recorded('/mem', `${pod}/volumes/kubernetes.io~empty-dir/mem`))).toMatchObject({
      device: '0:180',
      filesystem: 'tmpfs',
      treatment: 'taken',
    });
    expect(only(recorded('/s', `${pod}/volumes/kubernetes.io~secret/sec`, true))).toMatchObject({
      kind: 'secret',
      treatment: 'named',
      readOnly: true,
    });
    expect(only(recorded('/c', `${pod}/volumes/kubernetes.io~configmap/cm`, true))).toMatchObject({ kind: 'config-map', treatment: 'named' });
    expect(only(recorded('/d', `${pod}/volumes/kubernetes.io~downward-api/d`, true))).toMatchObject({ kind: 'projected', treatment: 'named' });
    expect(only(recorded('/dev/termination-log', `${pod}/containers/web/0a22`))).toMatchObject({ kind: 'runtime', treatment: 'named' });
  });

  it('that is a subPath stands for the whole volume, whatever its parts are called by now', () => {
    const disk = only(recorded('/sub', `${pod}/volume-subpaths/disk/web/1`));
    expect(disk).toMatchObject({ volume: 'disk', kind: 'empty-dir', source: `${pod}/volumes/kubernetes.io~empty-dir/disk`, treatment: 'taken' });
    const mem = only(recorded('/mem-sub', `${pod}/volume-subpaths/mem/web/3`));
    expect(mem).toMatchObject({ volume: 'mem', kind: 'empty-dir', source: `${pod}/volumes/kubernetes.io~empty-dir/mem`, treatment: 'taken' });
    const unknown = only(recorded('/x', `${pod}/volume-subpaths/host/web/9`));
    expect(unknown).toMatchObject({ volume: 'host', kind: 'host-path', treatment: 'named' });
    expect(unknown.source).toBeUndefined();
  });

  it('that outlives the pod is listed, and shared with other pods where they have it mounted', () => {
    const csi = only(recorded('/data', `${pod}/volumes/kubernetes.io~csi/pvc-1/mount`));
    expect(csi).toMatchObject({ volume: 'pvc-1', kind: 'persistent', shared: 'pods', device: '8:16', treatment: 'listed' });
    const nfs = only(recorded('/nfs', `${pod}/volumes/kubernetes.io~nfs/share`));
    expect(nfs).toMatchObject({ kind: 'persistent', shared: 'pod', treatment: 'named' });
  });

  it('that is /dev/shm belongs to the pod, or with the node’s IPC namespace to the node', () => {
    expect(only(recorded('/dev/shm', shm))).toMatchObject({ kind: 'shm', shared: 'pod', filesystem: 'tmpfs', treatment: 'taken' });
    expect(only(recorded('/dev/shm', '/dev/shm'))).toMatchObject({ kind: 'shm', shared: 'node', treatment: 'named' });
    // A directory of the node that is called as a sandbox's is, without being its mount.
    expect(only(recorded('/dev/shm', `/tmp/sandboxes/${sandbox}/shm`))).toMatchObject({ kind: 'host-path', treatment: 'listed' });
  });

  it('that an image asks for is the container’s own, if the folder bears its id', () => {
    const folder = '/var/lib/containerd/io.containerd.grpc.v1.cri/containers';
    const own = only(recorded('/var/lib/mysql', `${folder}/${id}/volumes/0f3c`));
    expect(own).toMatchObject({ kind: 'empty-dir', shared: 'container', source: `${folder}/${id}/volumes/0f3c`, treatment: 'taken' });
    for (const source of [`${folder}/${sandbox}/volumes/0f3c`, `${folder}/${id}/volumes/..`, `${folder}/${id}/volumes/0f3c/x`])
      expect(only(recorded('/x', source))).toMatchObject({ kind: 'host-path' });
  });

  it('of a directory of the node is listed, unless it holds more than the pod’s', () => {
    expect(only(recorded('/h', '/srv/data'))).toMatchObject({ kind: 'host-path', shared: 'node', treatment: 'listed' });
    const wide = [
      '/',
      '//',
      '/proc',
      '/sys/fs',
      '/var/lib',
      '/var/lib/kubelet/',
      other,
      '/run/containerd',
      '/var/lib/containerd',
      '/var/lib/containerd/snapshots/9',
      '/dev',
    ];
    for (const source of wide) expect(only(recorded('/h', source))).toMatchObject({ kind: 'host-path', wide: true, treatment: 'named' });
  });

  it('of another pod’s folder is never taken for the pod’s own', () => {
    const volume = only(recorded('/x', `${other}/volumes/kubernetes.io~empty-dir/disk`));
    expect(volume).toMatchObject({ kind: 'host-path', wide: true, treatment: 'named' });
  });

  it('counts as writable where the container has made it so', () => {
    const mount = recorded('/h', '/srv/data', true);
    expect(only(mount, '9 1 254:0 /srv/data /h ro - ext4 /dev/vda rw').readOnly).toBe(true);
    expect(only(mount, '9 1 254:0 /srv/data /h rw - ext4 /dev/vda rw').readOnly).toBe(false);
  });
});

describe('what the container’s own mount table has beyond it', () => {
  const base = [
    '100 99 0:190 / / rw - overlay overlay rw',
    '101 100 0:213 / /proc rw - proc proc rw',
    '102 100 0:214 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755',
    '103 102 0:215 / /dev/pts rw - devpts devpts rw',
    '104 101 0:221 / /proc/acpi ro - tmpfs tmpfs ro,size=4k,nr_inodes=1',
    '105 101 0:214 /null /proc/keys rw - tmpfs tmpfs rw',
    `106 100 254:0 ${pod}/etc-hosts /etc/hosts rw - ext4 /dev/vda rw`,
  ].join('\n');

  function beyond(more: string): ContainerVolume[] {
    return volumes([], `${base}\n${more}`).filter(({ mountPath }) => mountPath !== '/dev');
  }

  it('is /dev, by device and mount, without the parts and masks that the runtime mounts elsewhere', () => {
    expect(volumes([], base)).toEqual([
      { volume: '/dev', kind: 'tmpfs', mountPath: '/dev', filesystem: 'tmpfs', device: '0:214', mountId: 102, readOnly: false, shared: 'container' },
    ]);
  });

  it('is each file system in memory that the node does not show', () => {
    const [volume, ...more] = beyond('200 100 0:237 / /var/www rw - tmpfs tmpfs rw');
    expect(more).toEqual([]);
    expect(volume).toMatchObject({ kind: 'tmpfs', mountPath: '/var/www', device: '0:237', mountId: 200, shared: 'container' });
    expect(volume && treatmentOf(volume)).toBe('taken');
    expect(volume?.source).toBeUndefined();
  });

  it('is a part of such a file system where the whole is mounted nowhere, and what has no name any more', () => {
    const found = beyond(
      '200 100 0:237 /x /b rw - tmpfs tmpfs rw\n201 100 0:237 /x/y /c rw - tmpfs tmpfs rw\n202 100 0:237 /x/f//deleted /d rw - tmpfs tmpfs rw',
    );
    expect(found.map(({ mountId }) => mountId)).toEqual([200, 202]);
  });

  it('names the mount at one place that another one covers, so that each is told apart', () => {
    const found = beyond('200 100 0:237 / /w rw - tmpfs tmpfs rw\n201 200 0:238 / /w rw - tmpfs tmpfs rw');
    expect(found.map(({ volume, mountId }) => [volume, mountId])).toEqual([
      ['/w (mount 200, covered)', 200],
      ['/w', 201],
    ]);
  });

  it.each([
    ['the node’s own disk', '200 100 254:0 / /mnt rw - ext4 /dev/vda rw', 'node'],
    ['a disk that the node has not mounted', '200 100 7:0 / /mnt rw - ext4 /dev/loop0 rw', 'container'],
    ['a file system that a process of the suspect serves', '200 100 0:240 / /mnt rw - fuse.evil evil rw', 'container'],
    ['an overlay of its own', '200 100 0:241 / /mnt rw - overlay overlay rw,lowerdir=/a,upperdir=/etc,workdir=/w', 'container'],
    ['a file that was removed after it was mounted', '200 100 0:190 /x//deleted /mnt rw - overlay overlay rw', 'node'],
  ])('is %s: named, without a place to read, as a blind spot', (_what, line, shared) => {
    const found = beyond(line);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ kind: 'other', shared });
    expect(found[0]?.source).toBeUndefined();
    expect(found[0]?.mountId).toBeUndefined();
    expect(found[0] && treatmentOf(found[0])).toBe('named');
    expect(found[0] && isBlindSpot(found[0])).toBe(true);
  });

  it('leaves out what is read elsewhere: binds of the root file system and of the pod’s volumes', () => {
    const disk = `${pod}/volumes/kubernetes.io~empty-dir/disk`;
    expect(beyond(`200 100 0:190 /tmp/evil /var/www rw - overlay overlay rw\n201 100 254:0 ${disk}/x /y rw - ext4 /dev/vda rw`)).toEqual([]);
  });

  it('is a directory of the node that covers a volume of the record', () => {
    const disk = recorded('/disk', `${pod}/volumes/kubernetes.io~empty-dir/disk`);
    const lines = [`200 100 254:0 ${disk.source} /disk rw - ext4 /dev/vda rw`, '201 200 254:0 /etc /disk rw - ext4 /dev/vda rw'];
    expect(volumes([disk], lines.join('\n')).map(({ kind, mountPath }) => `${kind} ${mountPath}`)).toEqual(['empty-dir /disk', 'other /disk']);
  });

  it('shows a file system in memory of the record that the table does not have', () => {
    const found = volumes([recorded('/dev', 'tmpfs')], '100 99 0:9 / / rw - tmpfs tmpfs rw');
    expect(found.map(({ kind, mountPath, device }) => [kind, mountPath, device])).toEqual([
      ['tmpfs', '/', '0:9'],
      ['tmpfs', '/dev', undefined],
    ]);
  });

  it('stays small however many mounts the container makes, and says how many are not named', () => {
    const lines = Array.from({ length: 50_000 }, (_, index) => `${200 + index} 100 0:${1_000 + index} / /m${index} rw - tmpfs tmpfs rw`);
    const found = beyond(lines.join('\n'));
    expect(found.length).toBeLessThan(40);
    expect(found.at(-1)).toMatchObject({ kind: 'other', mountPath: `(${50_001 - found.length} more mounts)` });
    expect(beyond(`200 100 0:237 / /${'x'.repeat(9_000)} rw - tmpfs tmpfs rw`).at(-1)).toMatchObject({ kind: 'other' });
  });

  it('never gives a node path that the runtime’s record does not have, whatever the table says', () => {
    const root = fc.constantFrom('/', `${pod}/volumes/kubernetes.io~empty-dir/evil`, `${other}/volumes/x`, '/etc//deleted', '/a/../b', '/etc');
    const device = fc.constantFrom('254:0', '0:180', '0:190', '0:777', '8:16');
    const type = fc.constantFrom('tmpfs', 'ext4', 'overlay', 'fuse');
    const point = fc.constantFrom('/', '/disk', '/dev', '/x\\040y', '/etc/hosts');
    const table = fc.array(fc.tuple(root, device, type, point), { maxLength: 8 });
    fc.assert(
      fc.property(table, (rows) => {
        const own = rows.map(([at, of, kind, where], index) => `${300 + index} 100 ${of} ${at} ${where} rw - ${kind} x rw`).join('\n');
        const mounts = [recorded('/disk', `${pod}/volumes/kubernetes.io~empty-dir/disk`)];
        const sources = volumes(mounts, own).flatMap(({ source }) => source ?? []);
        expect(sources).toEqual([`${pod}/volumes/kubernetes.io~empty-dir/disk`]);
        for (const volume of volumes(mounts, own))
          if (volume.mountId !== undefined) expect(volume).toMatchObject({ device: '0:777', filesystem: 'tmpfs' });
      }),
    );
  });
});

describe('policy', () => {
  it('never takes the content of secrets, tokens, configuration, directories of the node and what outlives the pod', () => {
    const kinds = ['secret', 'config-map', 'projected', 'host-path', 'persistent', 'runtime', 'other'] as const;
    for (const kind of kinds)
      for (const shared of ['container', 'pod', 'pods', 'node'] as const) expect(isContentTaken({ kind, shared })).toBe(false);
    expect(isContentTaken({ kind: 'shm', shared: 'node' })).toBe(false);
  });

  it('calls a writable directory of the node a blind spot though its entries are listed, and nothing that is read-only or taken', () => {
    const volume: ContainerVolume = {
      volume: 'v',
      kind: 'host-path',
      mountPath: '/h',
      source: '/srv',
      filesystem: 'ext4',
      readOnly: false,
      shared: 'node',
    };
    expect([treatmentOf(volume), isBlindSpot(volume)]).toEqual(['listed', true]);
    expect(isBlindSpot({ ...volume, readOnly: true })).toBe(false);
    expect(isBlindSpot({ ...volume, kind: 'empty-dir', shared: 'pod' })).toBe(false);
    expect(isBlindSpot({ ...volume, kind: 'secret' })).toBe(false);
  });
});
