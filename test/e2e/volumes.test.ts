import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import type { Report } from '../../playbooks/report/model.js';
import { apply, deletePod, kubectl, lab, podManifest } from './lab.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

const mounts = [
  { name: 'disk', mountPath: '/disk' },
  { name: 'disk', mountPath: '/sub', subPath: 'a/b' },
  { name: 'mem', mountPath: '/mem' },
  { name: 'mem', mountPath: '/mem-sub', subPath: 'x' },
  { name: 'host', mountPath: '/host' },
  { name: 'cm', mountPath: '/cm' },
  { name: 'cm', mountPath: '/cm-file', subPath: 'k' },
  { name: 'sec', mountPath: '/sec' },
  { name: 'proj', mountPath: '/proj' },
];

const read = { defaultMode: 0o444 };
const password = `secret-of-volumes-${process.pid}`;

/** A pod with a volume of each kind, two containers that share them, and one of them with CAP_SYS_ADMIN. */
async function createVolumesPod(pod: string, node: string, host: string): Promise<void> {
  await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: pod, namespace: lab.namespace }, data: { k: 'config of the pod' } });
  await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: pod, namespace: lab.namespace }, stringData: { password } });
  const manifest = podManifest(pod, node) as { spec: { containers: object[]; volumes?: object[] } };
  const [web] = manifest.spec.containers;
  const admin = { capabilities: { add: ['SYS_ADMIN'] } };
  manifest.spec.containers = [
    { ...web, command: ['/bin/sleep', '100000'], volumeMounts: mounts, securityContext: { readOnlyRootFilesystem: true } },
    { ...web, name: 'side', command: ['/bin/sleep', '100000'], volumeMounts: [{ name: 'disk', mountPath: '/shared' }], securityContext: admin },
  ];
  manifest.spec.volumes = [
    { name: 'disk', emptyDir: {} },
    { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
    { name: 'host', hostPath: { path: host } },
    { name: 'cm', configMap: { name: pod, ...read } },
    { name: 'sec', secret: { secretName: pod, ...read } },
    {
      name: 'proj',
      projected: {
        sources: [{ secret: { name: pod } }, { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }],
        ...read,
      },
    },
  ];
  await apply(manifest);
  await kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=240s');
}

async function inContainer(pod: string, container: string, script: string): Promise<void> {
  await kubectl('exec', pod, '-c', container, '--', '/bin/sh', '-c', `${script}; true`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function has(hash: string): boolean {
  return existsSync(join(service.data, 'evidence', 'sha256', hash.slice(0, 2), hash.slice(2)));
}

describe.each(['node-a', 'node-b'])('the volumes of a pod on %s', (node) => {
  const pod = `volumes-${node}`;
  const host = `/opt/podtriage-volumes-${node}`;
  const shadow = '/etc/podtriage-volumes-shadow';

  beforeAll(async () => {
    mkdirSync(join(host, 'below'), { recursive: true });
    writeFileSync(join(host, 'below', 'of-the-node'), 'file of the node\n');
    writeFileSync(shadow, 'shadow of the node\n');
    await createVolumesPod(pod, node, host);
    await inContainer(
      pod,
      'web',
      'echo disk >/disk/f; echo sub >/sub/g; echo mem >/mem/f; echo mem-sub >/mem-sub/g; echo shm >/dev/shm/f; echo dev >/dev/f',
    );
    await inContainer(pod, 'web', `ln -s ${shadow} /dev/abs; ln -s /etc /dev/etc; mkdir /dev/d; echo deep >/dev/d/f; mkfifo /dev/pipe`);
    await inContainer(pod, 'side', 'mkdir -p /var/www; echo under >/var/www/x; mount -t tmpfs tmpfs /var/www; echo over >/var/www/x');
    await inContainer(pod, 'side', 'echo masked >/dev/shm/g; mkdir "/odd name"; mount -t tmpfs tmpfs "/odd name"; echo odd >"/odd name/f"');
    // From here on the node sees the directory of the subPath by another name than the container's table has it.
    await inContainer(pod, 'web', 'mv /disk/a /disk/renamed');
  });

  afterAll(async () => {
    await deletePod(pod);
    await kubectl('delete', 'configmap,secret', pod, '--ignore-not-found');
    rmSync(host, { recursive: true });
    rmSync(shadow, { force: true });
  });

  it('are each read once, with what is mounted in one container alone', async () => {
    const run = await service.triage(pod, { options: { acquire: 'all' } });
    expect(run.state).toBe('completed');
    const artifacts = await service.rows<Artifact>(run.id, 'artifacts');
    const files = artifacts.flatMap(({ kind, source, sha256: hash }) =>
      kind === 'file' && source?.place.kind === 'volume'
        ? [`${source.container} ${source.place.volume} ${source.place.mountPath} ${source.path.text} ${hash}`]
        : [],
    );
    const wanted: [string, string, string, string, string][] = [
      ['side', 'disk', '/shared', 'f', 'disk\n'],
      ['side', 'disk', '/shared', 'renamed/b/g', 'sub\n'],
      ['web', 'mem', '/mem', 'f', 'mem\n'],
      ['web', 'mem', '/mem', 'x/g', 'mem-sub\n'],
      ['side', '/dev/shm', '/dev/shm', 'f', 'shm\n'],
      ['side', '/dev/shm', '/dev/shm', 'g', 'masked\n'],
      ['web', '/dev', '/dev', 'f', 'dev\n'],
      ['web', '/dev', '/dev', 'd/f', 'deep\n'],
      ['side', '/var/www', '/var/www', 'x', 'over\n'],
      ['side', '/odd name', '/odd name', 'f', 'odd\n'],
    ];
    expect(files.sort()).toEqual(wanted.map(([container, volume, at, path, text]) => `${container} ${volume} ${at} ${path} ${sha256(text)}`).sort());
    expect(wanted.every(([, , , , text]) => has(sha256(text)))).toBe(true);
    const under = artifacts.find(({ source }) => source?.place.kind === 'rootfs' && source.path.text === 'var/www/x');
    expect(under?.sha256).toBe(sha256('under\n'));
    expect(
      has(sha256(password)) || has(sha256('config of the pod')) || has(sha256('file of the node\n')) || has(sha256('shadow of the node\n')),
    ).toBe(false);
  });

  it('are listed without content where they are the node’s, and named where they hold secrets', async () => {
    const run = await service.triage(pod);
    const changes = await service.rows<Change>(run.id, 'changes');
    const inVolumes = changes.filter(({ place }) => place.kind === 'volume');
    const at = (path: string) => inVolumes.filter(({ place }) => place.kind === 'volume' && place.mountPath === path);
    expect(at('/host').map(({ path, type, listedOnly }) => `${type} ${path.text} ${String(listedOnly)}`)).toEqual([
      'directory below true',
      'file below/of-the-node true',
    ]);
    expect(['/cm', '/cm-file', '/sec', '/proj', '/sub', '/mem-sub', '/disk'].flatMap(at)).toEqual([]);
    const own = at('/dev').filter(({ origin }) => origin === 'container');
    expect(own.map(({ type, path, target }) => [type, path.text, target?.text].filter(Boolean).join(' ')).sort()).toEqual(
      [`symlink abs ${shadow}`, 'symlink etc /etc', 'directory d', 'file d/f', 'file f', 'fifo pipe'].sort(),
    );
    expect(at('/dev').filter(({ origin }) => origin === 'runtime').length).toBeGreaterThan(10);
    const points = at('/dev').filter(({ origin, path }) => origin === 'mount' && path.text === 'shm');
    expect(points.map(({ container }) => container).sort()).toEqual(['side', 'web']);
    expect(at('/sys/fs/cgroup').filter(({ origin }) => origin === 'container')).toEqual([]);
  });

  it('stand in the report with what was done with them', async () => {
    const run = await service.triage(pod);
    const report = (await service.api(`/runs/${run.id}/report?format=json`)).body as Report;
    expect(report.gaps).toEqual([]);
    const row = (mountPath: string) => report.mounts.find((mount) => mount.mountPath === mountPath && mount.container === 'web');
    expect(row('/disk')).toMatchObject({ volume: 'disk', kind: 'empty-dir', shared: 'pod', treatment: 'taken' });
    expect(row('/sub')).toMatchObject({ volume: 'disk', kind: 'empty-dir', shared: 'pod', treatment: 'taken' });
    expect(row('/mem')).toMatchObject({ kind: 'empty-dir', filesystem: 'tmpfs' });
    expect(row('/mem-sub')).toMatchObject({ volume: 'mem', kind: 'empty-dir', filesystem: 'tmpfs' });
    expect(row('/host')).toMatchObject({ kind: 'host-path', shared: 'node', treatment: 'listed', readOnly: false });
    expect(row('/cm-file')).toMatchObject({ volume: 'cm', kind: 'config-map', treatment: 'named', readOnly: true });
    expect(row('/sec')).toMatchObject({ kind: 'secret', treatment: 'named' });
    expect(row('/proj')).toMatchObject({ kind: 'projected', treatment: 'named' });
    expect(row('/dev/shm')).toMatchObject({ kind: 'shm', shared: 'pod', treatment: 'taken' });
    expect(row('/dev')).toMatchObject({ kind: 'tmpfs', shared: 'container', treatment: 'taken' });
    expect(row('/etc/hosts')).toMatchObject({ kind: 'runtime', treatment: 'named' });
    expect(report.blindSpots).toEqual(['web:/host']);
    expect(
      report.limits
        .filter(({ reason }) => reason === 'volume-by-name-only')
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual(['web:/cm', 'web:/proj', 'web:/sec']);
  });
});
