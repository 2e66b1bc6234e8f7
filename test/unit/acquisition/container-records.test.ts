import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ContainerRecord, containerRecord } from '../../../playbooks/acquisition/containers/container-record.js';
import { parseContainerInfo, parseSnapshotMount } from '../../../playbooks/acquisition/containers/containerd-client.js';
import { crioLayer, parseLowerFile } from '../../../playbooks/acquisition/containers/crio-layers.js';
import { fittingContainers } from '../../../playbooks/acquisition/containers/fitting.js';
import { parseRuntimeConfig, parseSandboxConfig } from '../../../playbooks/acquisition/containers/runtime-config.js';
import { cgroupNames } from '../../../playbooks/acquisition/node/cgroup.js';
import type { Gap } from '../../../playbooks/domain/run.js';
import { factSchemas, maxContainers, maxFactBytes, type NodeContainer } from '../../../playbooks/facts.js';

const id = 'ab'.repeat(32);
const layer = 'cd'.repeat(32);
const link = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const cri = (name: string) => `io.kubernetes.cri.${name}`;
/** As containerd 2.2 writes it; the labels are what an image's author can add. */
const spec = {
  root: { path: 'rootfs' },
  annotations: { [cri('sandbox-uid')]: 'u-1', [cri('sandbox-name')]: 'web', [cri('sandbox-namespace')]: 'shop', [cri('container-name')]: 'app' },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid'] },
    { destination: '/data', type: 'bind', source: '/k/data', options: ['rbind', 'ro'] },
    { destination: '/odd', type: 'bind', source: '/k/odd', options: null },
  ],
};
const userns = { uidMappings: [{ containerID: 0, hostID: 2_231_500_800, size: 65_536 }], gidMappings: [{ containerID: 0, hostID: 7, size: 1 }] };
const identity = { pod: { uid: 'u-1', name: 'web', namespace: 'shop' }, container: 'app' };

function recordOf({ cgroup = '', ...parts }: Readonly<Record<string, string>>): ContainerRecord | undefined {
  return containerRecord((name) => parts[name] ?? '', cgroup);
}

describe('containerRecord', () => {
  const said = { runtime: 'containerd', folder: '/t', config: JSON.stringify(spec) };
  const process = { pid: '12', cgroup: `0::/kubepods/${id}`, mounts: '5 1 0:9 / / rw,ro - overlay o rw\n' };

  it('reads identity, mounts and the root’s place from the configuration', () => {
    const record = recordOf(said);
    expect(record).toEqual({
      runtime: 'containerd',
      ...identity,
      root: '/t/rootfs',
      mounts: [
        { destination: '/proc', source: 'proc', readOnly: false },
        { destination: '/data', source: '/k/data', readOnly: true },
        { destination: '/odd', source: '/k/odd', readOnly: false },
      ],
    });
  });

  it('reads the process that it names, if there is one', () => {
    expect(recordOf({ ...said, ...process })?.process).toMatchObject({
      pid: 12,
      cgroup: `0::/kubepods/${id}`,
      mounts: [{ mountPoint: '/', device: '0:9' }],
      mountsCut: false,
    });
    expect(recordOf({ ...said, ...process, cgroup: '' })?.process).toBeUndefined();
    expect(recordOf({ ...said, ...process, pid: '-1' })?.process).toBeUndefined();
  });

  it('says so when a mount table was cut', () => {
    expect(recordOf({ ...said, ...process, mountsCut: 'yes\n' })?.process?.mountsCut).toBe(true);
  });

  it('does not take annotations of one runtime from the other', () => {
    expect(recordOf({ ...said, runtime: 'cri-o' })).toBeUndefined();
    expect(recordOf({ ...said, runtime: 'docker' })).toBeUndefined();
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), fc.string(), (config, mounts, pid) => {
        recordOf({ ...said, config, mounts, pid, cgroup: 'x' });
      }),
    );
  });
});

describe('kubelet’s folder of pods’ logs', () => {
  const { pod } = identity;
  const crio = (log: string) => {
    const names = { 'pod.uid': 'u-1', 'pod.name': 'web', 'pod.namespace': 'shop', 'container.name': 'app', 'cri-o.LogPath': log };
    const annotations = Object.fromEntries(Object.entries(names).map(([name, value]) => [`io.kubernetes.${name}`, value]));
    return parseRuntimeConfig('cri-o', { ...spec, annotations })?.config;
  };
  const sandbox = (more: Record<string, string>) => {
    const said = {
      'sandbox-uid': 'u-1',
      'sandbox-name': 'web',
      'sandbox-namespace': 'shop',
      'sandbox-log-directory': '/k/logs/shop_web_u-1',
      ...more,
    };
    return { annotations: Object.fromEntries(Object.entries(said).map(([name, value]) => [cri(name), value])) };
  };

  it('is named by CRI-O’s record of the container, if that is a place for this pod', () => {
    expect(crio('/k/logs/shop_web_u-1/app/3.log')).toMatchObject({ podLogs: '/k/logs' });
    for (const other of ['', '/k/logs/shop_web_u-2/app/3.log', 'k/shop_web_u-1/app/3.log', '/shop_web_u-1/app/3.log', '/k/app/3.log'])
      expect(crio(other)?.podLogs).toBeUndefined();
  });

  it('is named by containerd’s record of the sandbox, if that is this pod’s', () => {
    expect(parseSandboxConfig(sandbox({}), pod)).toEqual({ podLogs: '/k/logs' });
    expect(parseSandboxConfig(sandbox({ 'sandbox-uid': 'u-2' }), pod)).toEqual({});
    expect(parseSandboxConfig(sandbox({ 'sandbox-log-directory': '/k/logs/shop_web_u-2' }), pod)).toEqual({});
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseSandboxConfig(value, pod)).toEqual({});
      }),
    );
  });

  it('comes with the container’s record', () => {
    const said = { runtime: 'containerd', folder: '/t', config: JSON.stringify(spec), sandbox: JSON.stringify(sandbox({})) };
    expect(recordOf(said)).toMatchObject({ podLogs: '/k/logs' });
    expect(recordOf({ ...said, sandbox: '{' })?.podLogs).toBeUndefined();
  });

  it('stands in a record that the container’s one names by an id, and by nothing else', () => {
    const named = (value: string) => parseRuntimeConfig('containerd', { ...spec, annotations: { ...spec.annotations, [cri('sandbox-id')]: value } });
    expect(named(id)?.config.sandbox).toBe(id);
    for (const value of ['', '../x', `${id}0`, '--help']) expect(named(value)?.config.sandbox).toBeUndefined();
  });
});

describe('parseRuntimeConfig', () => {
  it('reads the user namespace’s maps, with ids above 2^31', () => {
    expect(parseRuntimeConfig('containerd', { ...spec, linux: userns })?.config.idMaps).toEqual({
      uids: [{ container: 0, node: 2_231_500_800, size: 65_536 }],
      gids: [{ container: 0, node: 7, size: 1 }],
    });
    expect(parseRuntimeConfig('containerd', { ...spec, linux: { uidMappings: null } })?.config.idMaps).toBeUndefined();
  });

  it('is nothing without all of what identifies a container', () => {
    for (const name of Object.keys(spec.annotations)) {
      const annotations = Object.fromEntries(Object.entries(spec.annotations).filter(([each]) => each !== name));
      expect(parseRuntimeConfig('containerd', { ...spec, annotations })).toBeUndefined();
    }
  });
});

describe('what ctr prints', () => {
  const info = { ID: id, Labels: { [cri('sandbox-uid')]: 'forged' }, Snapshotter: 'overlayfs', SnapshotKey: id, Spec: spec };

  it('identifies a container by its specification, not by labels', () => {
    const record = parseContainerInfo(JSON.stringify({ ...info, Labels: { 'io.kubernetes.pod.uid': 'forged', 'io.kubernetes.pod.name': 'forged' } }));
    expect(record).toMatchObject({ runtime: 'containerd', ...identity, snapshot: { snapshotter: 'overlayfs', key: id } });
    expect(record?.root).toBeUndefined();
  });

  it('gives nothing that could pass for an option', () => {
    expect(parseContainerInfo(JSON.stringify({ ...info, SnapshotKey: '--rm' }))).toBeUndefined();
    expect(parseContainerInfo(JSON.stringify({ ...info, Snapshotter: '' }))).toBeUndefined();
  });

  it('says where the layers are', () => {
    expect(parseSnapshotMount('mount -t overlay overlay /podtriage -o workdir=/w,upperdir=/s 1/fs,lowerdir=/s/3/fs:/s/2/fs,index=off\n')).toEqual({
      type: 'overlay',
      options: 'workdir=/w,upperdir=/s 1/fs,lowerdir=/s/3/fs:/s/2/fs,index=off',
    });
    expect(parseSnapshotMount('mount -t bind /n/snap shots/7 /podtriage -o rbind,rw\n')).toEqual({ type: 'bind', source: '/n/snap shots/7' });
  });

  it.each([
    '',
    'usage: ctr',
    'mount -t erofs /a /podtriage -o ro',
    'mount -t bind relative /podtriage -o rw',
    'mount -t bind /a /podtriage -o rw\nmount -t bind /b /podtriage -o rw\n',
  ])('takes nothing from %j', (text) => {
    expect(parseSnapshotMount(text)).toEqual({ type: 'other' });
  });

  it('never makes a parser throw', () => {
    fc.assert(fc.property(fc.string(), (text) => (parseSnapshotMount(text), parseContainerInfo(text), true)));
    fc.assert(fc.property(fc.json(), (text) => (parseContainerInfo(text), true)));
  });
});

describe('CRI-O’s storage', () => {
  it('keeps a layer where its root is mounted', () => {
    expect(crioLayer(`/var/lib/containers/storage/overlay/${layer}/merged`)).toEqual({
      storage: '/var/lib/containers/storage/overlay',
      folder: `/var/lib/containers/storage/overlay/${layer}`,
    });
    expect(crioLayer(`/s/overlay/${layer}/merged/x`)).toBeUndefined();
    expect(crioLayer('/s/overlay/../merged')).toBeUndefined();
  });

  it('names lower layers by short links, topmost first', () => {
    expect(parseLowerFile(`l/${link}:l/${'0'.repeat(26)}\n`, '/s/overlay')).toEqual([`/s/overlay/l/${link}`, `/s/overlay/l/${'0'.repeat(26)}`]);
  });

  it('gives no path outside of the storage, whatever the file holds', () => {
    for (const text of ['', '/etc', 'l/../../etc', `l/${link}:/etc`, `l/${link}/..`, '3:4:5']) expect(parseLowerFile(text, '/s')).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        const lowers = parseLowerFile(text, '/s');
        return lowers === undefined || lowers.every((lower) => /^\/s\/l\/[A-Z0-9]{26}$/.test(lower));
      }),
    );
  });
});

describe('cgroupNames', () => {
  it.each([`12:pids:/kubepods/pod1/${id}`, `0::/kubepods.slice/cri-containerd-${id}.scope`, `1:cpu:/x\n0::/crio-${id}/sub`])(
    'knows a container by a whole part of the path: %s',
    (cgroup) => {
      expect(cgroupNames(cgroup, id)).toBe(true);
    },
  );

  it.each([`0::/crio-conmon-${id}`, `0::/x${id}`, `0::/${id}x`, ''])('and not by less: %s', (cgroup) => {
    expect(cgroupNames(cgroup, id)).toBe(false);
  });
});

describe('fittingContainers', () => {
  function container(name: string, state: NodeContainer['state'], layers: number): NodeContainer {
    const lowers = Array.from({ length: layers }, (_, index) => `/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/${index}/fs`);
    const overlay = { upper: '/u', lowers, metacopy: false, redirects: false, userxattr: false };
    return { name, id, kind: 'container', instance: 'current', state, runtime: 'containerd', overlay, volumes: [], mountPaths: [] };
  }

  it('leaves out ended ones first, each as a gap, when their layers do not fit into one fact', () => {
    const gaps: Gap[] = [];
    const ended = Array.from({ length: 40 }, (_, index) => container(`ended-${index}`, 'ended', 127));
    const all = [...ended, container('web', 'running', 127)];
    const kept = fittingContainers(all, { gap: (gap) => gaps.push(gap) });
    expect(kept.at(-1)?.name).toBe('web');
    expect(kept.length + gaps.length).toBe(all.length);
    expect(gaps[0]).toMatchObject({ subject: expect.stringContaining('ended-') as string, reason: 'limit-exceeded' });
    expect(Buffer.byteLength(JSON.stringify(factSchemas.containers.parse(kept)))).toBeLessThan(maxFactBytes);
  });

  it('keeps the order, and as many as a fact may have', () => {
    const gaps: Gap[] = [];
    const all = Array.from({ length: maxContainers + 3 }, (_, index) => container(`c${index}`, 'running', 1));
    expect(fittingContainers(all, { gap: (gap) => gaps.push(gap) })).toEqual(all.slice(0, maxContainers));
    expect(gaps).toHaveLength(3);
  });
});
