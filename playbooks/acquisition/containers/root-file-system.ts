import { TriageError } from '../../domain/error.js';
import type { NodeContainer, Overlay } from '../../facts.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { parentOf } from '../node/ancestors.js';
import { type Mount, parseOverlayOptions } from '../node/mountinfo.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';
import type { NodeFacts } from '../node/node-facts.js';
import type { ContainerRecord } from './container-record.js';
import { recordOfContainerd, type SnapshotMount, snapshotMount } from './containerd-client.js';
import { crioLayer, lowersOfLayer } from './crio-layers.js';

/** Where a container's root file system is on the node. */
export type RootFileSystem = Pick<NodeContainer, 'rootfs' | 'overlay'>;

type Client = Pick<StepContext, 'ctr' | 'signal'>;

/**
 * Finds a container's root file system: in the node's own mount table, or where it is no longer mounted, in the records of the runtime.
 * @throws TriageError `tool-missing`, `command-failed`, `runtime-unsupported`
 */
export async function rootFileSystem(
  session: NodeSession,
  node: NodeFacts,
  id: string,
  record: ContainerRecord,
  ctx: Client,
): Promise<RootFileSystem> {
  const mount = rootMount(node, record);
  if (mount === undefined)
    return record.runtime === 'cri-o' ? ofStorage(session, node, record, ctx.signal) : ofSnapshot(session, node, id, record, ctx);
  const options = mount.type === 'overlay' ? parseOverlayOptions(mount.superOptions) : undefined;
  if (options === undefined) return { rootfs: mount.mountPoint };
  const lowers = await lowersOfMount(session, id, record, options, ctx);
  const marks = marksOf(node, mount.superOptions, options.userxattr);
  return { rootfs: mount.mountPoint, overlay: { merged: mount.mountPoint, upper: options.upper, lowers, ...marks } };
}

/** The mount of a container's root file system in the node's own table; the last of several at the same place is on top. */
export function rootMount(node: Pick<NodeFacts, 'mounts'>, { root }: Pick<ContainerRecord, 'root'>): Mount | undefined {
  return root === undefined ? undefined : node.mounts.findLast(({ mountPoint }) => mountPoint === root);
}

/** The kernel prints these two options only where they differ from its module's own (Linux, fs/overlayfs/params.c, ovl_show_options). */
function marksOf(node: NodeFacts, superOptions: string, userxattr: boolean): Pick<Overlay, 'metacopy' | 'redirects' | 'userxattr'> {
  const options = superOptions.split(',');
  const value = (name: string) => options.findLast((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const [metacopy, redirects] = [value('metacopy'), value('redirect_dir')];
  return {
    metacopy: metacopy === undefined ? node.metacopyDefault : metacopy === 'on',
    redirects: redirects === undefined ? node.redirectsDefault : redirects === 'on',
    userxattr,
  };
}

interface Layers {
  readonly upper: string;
  readonly lowers: readonly string[];
}

/**
 * Lower layers as absolute paths, topmost first. What a mount says of them is not always of use: with a user namespace they are mounts of
 * the runtime's own that the node does not show, and near one page of mount data containerd writes them relative to its snapshots, CRI-O
 * as numbers of file descriptors.
 */
async function lowersOfMount(session: NodeSession, id: string, record: ContainerRecord, layers: Layers, ctx: Client): Promise<string[]> {
  const snapshots = parentOf(parentOf(layers.upper));
  const besides = layers.lowers.map((lower) => (/^\d+\/fs$/.test(lower) ? `${snapshots}/${lower}` : lower));
  const plain = record.idMaps === undefined && besides.every((lower) => lower.startsWith('/'));
  if (plain && (await areThere(session, snapshots, besides, ctx.signal))) return besides;
  if (record.runtime === 'cri-o') return lowersOfLayer(session, parentOf(layers.upper), ctx.signal);
  const mount = await snapshotOf(session, id, record, ctx);
  const own = mount.type === 'overlay' ? parseOverlayOptions(mount.options) : undefined;
  if (own?.upper === layers.upper) return [...own.lowers];
  throw new TriageError(
    'runtime-unsupported',
    `containerd on node ${session.node.name} names other layers of container ${id.slice(0, 12)} than the node's mount table`,
  );
}

const probe = 'for lower; do [ -d "$lower" ] || exit 1; done';

/** Layers beside the upper one are there as surely as it is; others are looked for. */
async function areThere(session: NodeSession, snapshots: string, lowers: readonly string[], signal: AbortSignal): Promise<boolean> {
  const elsewhere = lowers.filter((lower) => !lower.startsWith(`${snapshots}/`));
  if (elsewhere.length === 0) return true;
  const command = nodeCommand('find-layers', ['sh', '-c', probe, 'podtriage', ...elsewhere], { timeoutMs: 30_000 });
  const { outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome, [0, 1]);
  return outcome.exitCode === 0;
}

async function ofSnapshot(session: NodeSession, node: NodeFacts, id: string, record: ContainerRecord, ctx: Client): Promise<RootFileSystem> {
  const mount = await snapshotOf(session, id, record, ctx);
  if (mount.type === 'bind') return { rootfs: mount.source };
  const options = mount.type === 'overlay' ? parseOverlayOptions(mount.options) : undefined;
  if (mount.type !== 'overlay' || options === undefined) return {};
  return { overlay: { upper: options.upper, lowers: [...options.lowers], ...marksOf(node, mount.options, options.userxattr) } };
}

/** What containerd itself says of a container's snapshot. */
async function snapshotOf(session: NodeSession, id: string, record: ContainerRecord, ctx: Client): Promise<SnapshotMount> {
  const snapshot = record.snapshot ?? (await recordOfContainerd(session, id, ctx))?.snapshot;
  if (snapshot !== undefined) return snapshotMount(session, snapshot, ctx);
  throw new TriageError('container-not-running', `containerd on node ${session.node.name} no longer has container ${id.slice(0, 12)}`);
}

/** By the folders of CRI-O's storage. What its other containers are mounted with says how an unmounted one was. */
async function ofStorage(session: NodeSession, node: NodeFacts, { root = '' }: ContainerRecord, signal: AbortSignal): Promise<RootFileSystem> {
  if (/\/vfs\/dir\/[0-9a-f]{64}$/.test(root)) return { rootfs: root };
  const layer = crioLayer(root);
  if (layer === undefined) return {};
  const like = node.mounts.filter(({ mountPoint }) => crioLayer(mountPoint)?.storage === layer.storage);
  if (like.some(({ type }) => type !== 'overlay')) return {};
  const marks = like.map(({ superOptions }) => marksOf(node, superOptions, superOptions.split(',').includes('userxattr')));
  marks.push(marksOf(node, '', false));
  return {
    overlay: {
      upper: `${layer.folder}/diff`,
      lowers: await lowersOfLayer(session, layer.folder, signal),
      metacopy: marks.some(({ metacopy }) => metacopy),
      redirects: marks.some(({ redirects }) => redirects),
      userxattr: marks.some(({ userxattr }) => userxattr),
    },
  };
}
