import { TriageError } from '../../domain/error.js';
import type { Facts, NodeContainer, PodContainer } from '../../facts.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { cgroupNames } from '../node/cgroup.js';
import type { Mount } from '../node/mountinfo.js';
import type { NodeFacts } from '../node/node-facts.js';
import { containerVolumes } from '../volumes/container-volumes.js';
import type { ContainerRecord, InitProcess } from './container-record.js';
import { recordOfContainerd } from './containerd-client.js';
import type { NodeRecords } from './node-records.js';
import { rootFileSystem, rootMount } from './root-file-system.js';

/** What finding a container needs of a step. */
export type Finder = Pick<StepContext, 'ctr' | 'signal' | 'gap'>;

/**
 * Finds a container on its node by the id in the pod's status, running or ended, and proves that it is the one: the runtime's own record
 * must name the pod's uid, name and namespace. Its root file system comes from the node's own mount table or the runtime's records, never
 * from what a process of the container has mounted.
 * @throws TriageError `container-not-running` (the node has nothing of it), `uid-mismatch`, `runtime-unsupported`, `tool-missing`, `command-failed`
 */
export async function findOnNode(
  session: NodeSession,
  { facts: node, ...known }: NodeRecords,
  target: Facts['target'],
  container: PodContainer,
  ctx: Finder,
): Promise<NodeContainer> {
  const { name, id, kind, instance } = container;
  const record = await recordOf(session, known, container, ctx);
  if (record === undefined) throw notThere(session, container);
  checkIdentity(record, target, container);
  const root = await rootFileSystem(session, node, id, record, ctx);
  // CRI-O's record keeps the number of a process that is long gone, and that may be another's by now.
  const init = record.process !== undefined && cgroupNames(record.process.cgroup, id) ? record.process : undefined;
  if (init !== undefined) compareRoot(node, record, init, container, ctx);
  else if (container.state === 'running') endedSince(container, ctx);
  return {
    name,
    id,
    kind,
    instance,
    state: init === undefined ? 'ended' : 'running',
    runtime: record.runtime,
    ...(init === undefined ? {} : { pid: init.pid }),
    ...root,
    ...(record.idMaps === undefined ? {} : { idMaps: record.idMaps }),
    volumes: containerVolumes({ id, mounts: record.mounts, podUid: record.pod.uid, own: ownMountsOf(node, record, init), node: node.mounts }),
    mountPaths: record.mounts.map(({ destination }) => destination),
    ...(record.podLogs === undefined ? {} : { podLogs: record.podLogs }),
  };
}

/** A container of containerd that has ended has no task folder: only containerd itself knows it. */
async function recordOf(
  session: NodeSession,
  { records, failures }: Omit<NodeRecords, 'facts'>,
  { id, runtime }: PodContainer,
  ctx: Finder,
): Promise<ContainerRecord | undefined> {
  const failure = failures.get(id);
  if (failure !== undefined) throw failure;
  const record = records.get(id);
  return record === undefined && runtime === 'containerd' ? recordOfContainerd(session, id, ctx) : record;
}

function notThere(session: NodeSession, container: PodContainer): TriageError {
  return new TriageError(
    'container-not-running',
    `container ${container.name} (${container.instance} instance, ${container.id.slice(0, 12)}, ${container.state}) is not on node ${session.node.name}: the runtime has no record of it any more`,
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

/** The pod's status is older than what the node shows: kubelet may have started another instance meanwhile, which nobody has named to us. */
function endedSince({ name }: PodContainer, ctx: Finder): void {
  const detail = 'its process has ended since the pod’s status was read; what was started in its place, if anything was, was not looked at';
  ctx.gap({ subject: `container ${name}`, reason: 'container-not-running', detail });
}

/** A process can make itself another root file system (pivot_root(2), chroot(2)); what lies there is in no layer of the container. */
function compareRoot(node: NodeFacts, record: ContainerRecord, init: InitProcess, container: PodContainer, ctx: Finder): void {
  const subject = `container ${container.name}`;
  const mount = rootMount(node, record);
  const roots = init.mounts.filter(({ mountPoint }) => mountPoint === '/');
  if (mount !== undefined && !roots.some(({ device }) => device === mount.device)) {
    const detail = 'its init process has another root than the one the runtime gave it; that one was read, and not what the process made itself';
    ctx.gap({ subject, reason: 'root-replaced', detail });
  }
  if (init.mountsCut)
    ctx.gap({ subject, reason: 'mounts', detail: 'its mount table is too long to be read whole; some of its mounts are not known' });
}

/** What the init process has mounted besides the root file system that the runtime gave it. */
function ownMountsOf(node: NodeFacts, record: ContainerRecord, init: InitProcess | undefined): Mount[] {
  const given = rootMount(node, record);
  return (init?.mounts ?? []).filter(({ mountPoint, device, root }) => mountPoint !== '/' || device !== given?.device || root !== given.root);
}
