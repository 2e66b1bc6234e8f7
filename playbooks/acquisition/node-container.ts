import { TriageError } from '../domain/error.js';
import type { ContainerVolume, Facts, NodeContainer, Overlay, PodContainer } from '../facts.js';
import type { NodeSession } from '../ports.js';
import { type ContainerRecord, cgroupNames, readContainerRecord, recordPlaces } from './container-record.js';
import { parseOverlayOptions } from './mountinfo.js';
import { checkExit, collect, nodeCommand } from './node-command.js';
import type { NodeFacts } from './node-facts.js';

/**
 * Finds a running container on its node by the id in the pod's status, and proves that it is the one: the runtime's own record must
 * name the pod's uid, name and namespace, and its root file system must be the one that the node's own mount table shows.
 * @throws TriageError `container-not-running`, `uid-mismatch`, `runtime-unsupported`
 */
export async function findOnNode(
  session: NodeSession,
  node: NodeFacts,
  target: Facts['target'],
  container: PodContainer,
  signal: AbortSignal,
): Promise<NodeContainer> {
  const record = await readContainerRecord(session, recordPlaces(container.id, node.mounts), signal);
  if (record === undefined) throw notRunning(session, container);
  checkIdentity(record, target, container);
  if (!cgroupNames(record.cgroup, container.id)) throw notRunning(session, container);
  const overlay = await findOverlay(session, node, record, container, signal);
  return {
    name: container.name,
    id: container.id,
    kind: container.kind,
    instance: container.instance,
    state: 'running',
    runtime: record.runtime,
    pid: record.pid,
    ...(overlay === undefined ? {} : { overlay }),
    volumes: record.mounts.flatMap((mount) => volumeOf(mount, record.pod.uid)),
    mountPaths: record.mounts.map(({ destination }) => destination),
  };
}

function notRunning(session: NodeSession, container: PodContainer): TriageError {
  return new TriageError(
    'container-not-running',
    `container ${container.name} (${container.id.slice(0, 12)}) is not running on node ${session.node.name}`,
  );
}

function checkIdentity(record: ContainerRecord, target: Facts['target'], container: PodContainer): void {
  const uids = [target.uid, target.staticUid];
  if (!uids.includes(record.pod.uid)) {
    throw new TriageError(
      'uid-mismatch',
      `container ${container.id.slice(0, 12)} belongs to pod uid ${record.pod.uid}, not to ${target.uid}: the pod was made anew under the same name`,
    );
  }
  const same = record.pod.name === target.pod && record.pod.namespace === target.namespace && record.container === container.name;
  if (!same) {
    throw new TriageError('uid-mismatch', `the runtime's record of ${container.id.slice(0, 12)} names another pod or container than the API server`);
  }
}

async function findOverlay(
  session: NodeSession,
  node: NodeFacts,
  record: ContainerRecord,
  container: PodContainer,
  signal: AbortSignal,
): Promise<Overlay | undefined> {
  const isRoot = (point: string) =>
    record.rootPath.startsWith('/') ? point === record.rootPath : point.endsWith(`/${container.id}/${record.rootPath}`);
  const mount = node.mounts.findLast(({ mountPoint }) => isRoot(mountPoint));
  if (mount === undefined || !record.rootDevices.includes(mount.device)) {
    throw new TriageError(
      'runtime-unsupported',
      `the root file system of container ${container.name} is not in the mount table of node ${session.node.name}`,
    );
  }
  const options = mount.type === 'overlay' ? parseOverlayOptions(mount.superOptions) : undefined;
  if (options === undefined) return undefined;
  const lowers = await lowerDirectories(session, options, signal);
  return {
    merged: mount.mountPoint,
    upper: options.upper,
    lowers,
    metacopy: options.metacopy || node.metacopyDefault,
    redirects: false,
    userxattr: options.userxattr,
  };
}

/** Lower layers as absolute paths. Near one page of mount data containerd writes them relative to the snapshots folder, CRI-O as file descriptor numbers. */
async function lowerDirectories(session: NodeSession, options: { upper: string; lowers: readonly string[] }, signal: AbortSignal): Promise<string[]> {
  if (options.lowers.every((lower) => lower.startsWith('/'))) return [...options.lowers];
  const layer = parentOf(options.upper);
  if (options.lowers.every((lower) => /^\d+\/fs$/.test(lower))) return options.lowers.map((lower) => `${parentOf(layer)}/${lower}`);
  const command = nodeCommand('lower-layers', ['cat', '--', `${layer}/lower`], { timeoutMs: 30_000, maxBytes: 1024 * 1024 });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  return stdout
    .toString('utf8')
    .trim()
    .split(':')
    .map((name) => `${parentOf(layer)}/${name}`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

const kubeletVolume = /\/pods\/([0-9a-f-]{32,36})\/volumes\/kubernetes\.io~([a-z-]+)\/([^/]+)(?:\/|$)/;

const kinds: Readonly<Record<string, ContainerVolume['kind']>> = {
  'empty-dir': 'empty-dir',
  secret: 'secret',
  configmap: 'config-map',
  projected: 'projected',
  csi: 'persistent',
  nfs: 'persistent',
  'local-volume': 'persistent',
};

/** Names a mount of the runtime's record; proc, sysfs, cgroups and the like, which have no directory on the node, are none. */
function volumeOf(mount: ContainerRecord['mounts'][number], podUid: string): ContainerVolume[] {
  if (!mount.source.startsWith('/')) return [];
  const [, uid, plugin = '', name = ''] = kubeletVolume.exec(mount.source) ?? [];
  const ours = uid === podUid;
  const runtimeOwn = /^\/(etc\/(hosts|hostname|resolv\.conf)|dev(\/.*)?|run\/\.containerenv|run\/secrets)$/.test(mount.destination);
  const kind = ours ? (kinds[plugin] ?? 'other') : runtimeOwn ? 'runtime' : 'host-path';
  return [{ volume: ours ? name : mount.destination, kind, mountPath: mount.destination, source: mount.source, readOnly: mount.readOnly, shared: 'pod' }];
}
