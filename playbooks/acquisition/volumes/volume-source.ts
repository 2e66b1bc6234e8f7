import type { ContainerVolume } from '../../facts.js';
import type { Mount } from '../node/mountinfo.js';

/** A mount as the runtime's record has it: a directory or file of the node, or the name of a pseudo file system. */
export interface RecordedMount {
  readonly destination: string;
  readonly source: string;
  readonly readOnly: boolean;
}

/** What a path of the node is to a pod. Without `source` nothing of it may be opened by name. */
export type VolumeSource = Pick<ContainerVolume, 'volume' | 'kind' | 'source' | 'shared'>;

/** Kubelet's names of volume plugins, without `kubernetes.io~`. What is not named here keeps its data beyond the pod. */
const kinds: Readonly<Record<string, ContainerVolume['kind']>> = {
  'empty-dir': 'empty-dir',
  secret: 'secret',
  configmap: 'config-map',
  projected: 'projected',
  'downward-api': 'projected',
};

/** Kubelet's folder of the pod, from the sources that kubelet gave to the runtime: they hold the pod's uid, which nobody can choose. */
export function podFolderOf(mounts: readonly RecordedMount[], podUid: string): string | undefined {
  const mark = `/pods/${podUid}/`;
  const source = mounts.map((mount) => mount.source).find((each) => each.startsWith('/') && each.includes(mark));
  return source?.slice(0, source.indexOf(mark) + mark.length - 1);
}

/** Says what the source of a recorded mount is. `id` is the container's, `node` the node's own mount table. */
export function sourceOf(mount: RecordedMount, id: string, podFolder: string | undefined, node: readonly Mount[]): VolumeSource {
  const { source, destination } = mount;
  const inPod = podFolder !== undefined && source.startsWith(`${podFolder}/`) ? source.slice(podFolder.length + 1).split('/') : undefined;
  if (podFolder !== undefined && inPod !== undefined) return ofKubelet(mount, podFolder, inPod, node);
  if (isSandboxShm(source, node)) return { volume: destination, kind: 'shm', source, shared: 'pod' };
  if (destination === '/dev/shm' && source === '/dev/shm') return { volume: destination, kind: 'shm', source, shared: 'node' };
  if (isOfImage(source, id)) return { volume: destination, kind: 'empty-dir', source, shared: 'container' };
  if (isRuntimeFile(mount)) return { volume: destination, kind: 'runtime', source, shared: 'pod' };
  return { volume: destination, kind: 'host-path', source, shared: 'node' };
}

function ofKubelet({ source, destination }: RecordedMount, podFolder: string, parts: readonly string[], node: readonly Mount[]): VolumeSource {
  const [folder, second = '', third = ''] = parts;
  if (folder === 'volumes') return ofPlugin(podFolder, second, third, source, node);
  // kubelet binds a subPath to a folder of its own, after resolving it: from there on the suspect can have renamed every part of it.
  if (folder === 'volume-subpaths') {
    const plugin = pluginOf(source, second, podFolder, node);
    if (plugin === undefined) return { volume: second, kind: 'host-path', shared: 'node' };
    const whole = ofPlugin(podFolder, plugin, second, `${podFolder}/volumes/${plugin}/${second}`, node);
    return whole.kind === 'persistent' ? { volume: second, kind: 'persistent', shared: whole.shared } : whole;
  }
  return { volume: destination, kind: 'runtime', source, shared: 'pod' };
}

function ofPlugin(podFolder: string, plugin: string, name: string, source: string, node: readonly Mount[]): VolumeSource {
  const kind = kinds[plugin.replace(/^kubernetes\.io~/, '')] ?? 'persistent';
  if (kind === 'persistent') return { volume: name, kind, source, shared: isMountedElsewhere(source, podFolder, node) ? 'pods' : 'pod' };
  return { volume: name, kind, source: `${podFolder}/volumes/${plugin}/${name}`, shared: 'pod' };
}

/** The plugin of the volume that a subPath lies in: the one whose folder holds it, or whose own mount has the same device. */
function pluginOf(subPath: string, name: string, podFolder: string, node: readonly Mount[]): string | undefined {
  const bind = node.findLast(({ mountPoint }) => mountPoint === subPath);
  const volumes = `${podFolder}/volumes/`;
  const places = node.filter(({ device }) => bind === undefined || device === bind.device).map(({ mountPoint }) => mountPoint);
  if (bind !== undefined) places.push(...nodePathsOf(bind, node));
  const parts = places.filter((place) => place.startsWith(volumes)).map((place) => place.slice(volumes.length).split('/'));
  return parts.find(([, each]) => each === name)?.[0];
}

/**
 * Where the node can see what a mount shows: through each mount of the same device with a root above it. All but the first parts of these paths
 * can be the suspect's choice: they tell what a mount is, and are never opened.
 */
export function nodePathsOf({ device, root }: Pick<Mount, 'device' | 'root'>, node: readonly Mount[]): string[] {
  const above = node.filter((mount) => mount.device === device && isWithin(root, mount.root));
  return above.map((mount) => join(mount.mountPoint, mount.root === '/' ? root : root.slice(mount.root.length)));
}

function join(mountPoint: string, rest: string): string {
  if (rest === '' || rest === '/') return mountPoint;
  return mountPoint === '/' ? rest : `${mountPoint}${rest}`;
}

/** Whether a path is another or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** The mount of the node's own table that a path of the node lies in. */
export function nodeMountOf(path: string, node: readonly Mount[]): Mount | undefined {
  const above = node.filter(({ mountPoint }) => isWithin(path, mountPoint));
  const longest = Math.max(...above.map(({ mountPoint }) => mountPoint.length));
  return above.findLast(({ mountPoint }) => mountPoint.length === longest);
}

/** /dev/shm belongs to the sandbox; both runtimes mount it in a folder that bears the sandbox's id. */
function isSandboxShm(source: string, node: readonly Mount[]): boolean {
  if (!/\/(sandboxes\/[0-9a-f]{64}|(overlay|vfs)-containers\/[0-9a-f]{64}\/userdata)\/shm$/.test(source)) return false;
  return node.some(({ mountPoint, type }) => mountPoint === source && type === 'tmpfs');
}

/** containerd makes a directory for each VOLUME of an image, in a folder that bears the container's id, which nobody can know beforehand. */
function isOfImage(source: string, id: string): boolean {
  return new RegExp(`^/.+/containers/${id}/volumes/[0-9a-f]+$`).test(source);
}

/** Single files that the runtimes put into every container, in a folder that bears the id of sandbox or container. */
function isRuntimeFile({ destination, source }: RecordedMount): boolean {
  const theirs = /\/(sandboxes|(overlay|vfs)-containers)\/[0-9a-f]{64}\//.test(source);
  return theirs && /^\/(etc\/(hosts|hostname|resolv\.conf)|(var\/)?run\/(\.containerenv|secrets))$/.test(destination);
}

/** Whether another pod of this node has the same directory mounted. */
function isMountedElsewhere(source: string, podFolder: string, node: readonly Mount[]): boolean {
  const own = nodeMountOf(source, node);
  const pods = podFolder.slice(0, podFolder.lastIndexOf('/') + 1);
  return node.some(
    ({ device, root, mountPoint }) => device === own?.device && root === own.root && mountPoint.startsWith(pods) && !isWithin(mountPoint, podFolder),
  );
}
