import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { JsonValue } from '../../../playbooks/domain/json.js';
import type { PodContainer } from '../../../playbooks/facts.js';
import type { PodSnapshot } from '../../../playbooks/ports.js';

/** What we read of a pod (Kubernetes API v1, Pod); all else is passed over. */
const containerStatusSchema = z.object({
  name: z.string(),
  containerID: z.string().default(''),
  image: z.string().default(''),
  imageID: z.string().default(''),
  restartCount: z.int().nonnegative().default(0),
  state: z.object({ running: z.unknown().optional(), terminated: z.unknown().optional() }).default({}),
  lastState: z.object({ terminated: z.object({ containerID: z.string().default('') }).nullish() }).default({}),
});
type ContainerStatus = z.output<typeof containerStatusSchema>;

const statusesSchema = z.array(containerStatusSchema).default([]);
const specSchema = z.object({ name: z.string(), image: z.string().default(''), restartPolicy: z.string().optional() });
type ContainerSpec = z.output<typeof specSchema>;

const specsSchema = z.array(specSchema).default([]);

const podSchema = z.object({
  metadata: z.object({ uid: z.string().min(1), annotations: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    nodeName: z.string().optional(),
    initContainers: specsSchema,
    containers: specsSchema,
    ephemeralContainers: specsSchema,
  }),
  status: z.object({
    initContainerStatuses: statusesSchema,
    containerStatuses: statusesSchema,
    ephemeralContainerStatuses: statusesSchema,
  }),
});
type Pod = z.output<typeof podSchema>;

/** Reads a pod as the API server gave it. Throws `cluster-unreachable` when it is none: something else answered. */
export function parsePod(raw: JsonValue): PodSnapshot {
  const parsed = podSchema.safeParse(raw);
  if (!parsed.success) {
    throw new TriageError('cluster-unreachable', `what answered is no Kubernetes API server: ${z.prettifyError(parsed.error)}`);
  }
  const pod = parsed.data;
  const staticUid = staticUidOf(pod.metadata.annotations);
  return {
    uid: pod.metadata.uid,
    ...(staticUid === undefined ? {} : { staticUid }),
    ...(pod.spec.nodeName === undefined || pod.spec.nodeName === '' ? {} : { node: pod.spec.nodeName }),
    containers: containersOf(pod),
    raw,
  };
}

/** A mirror pod stands for a static pod, whose uid on the node is the hash of its manifest (kubelet, pkg/kubelet/types/pod_update.go). */
function staticUidOf(annotations: Readonly<Record<string, string>>): string | undefined {
  return annotations['kubernetes.io/config.mirror'] === undefined ? undefined : annotations['kubernetes.io/config.hash'];
}

function containersOf({ spec, status }: Pod): PodContainer[] {
  return [
    ...group(initKind, spec.initContainers, status.initContainerStatuses),
    ...group(() => 'container', spec.containers, status.containerStatuses),
    ...group(() => 'ephemeral', spec.ephemeralContainers, status.ephemeralContainerStatuses),
  ];
}

/** An init container that goes on running beside the others is a sidecar (Kubernetes, "Sidecar Containers"). */
function initKind(spec: ContainerSpec | undefined): PodContainer['kind'] {
  return spec?.restartPolicy === 'Always' ? 'sidecar' : 'init';
}

/** Containers that have no status yet are there, too: they are waiting. */
function group(
  kindOf: (spec: ContainerSpec | undefined) => PodContainer['kind'],
  specs: readonly ContainerSpec[],
  statuses: readonly ContainerStatus[],
): PodContainer[] {
  const known = new Set(statuses.map(({ name }) => name));
  const unborn = specs.filter(({ name }) => !known.has(name)).map(({ name, image }) => containerStatusSchema.parse({ name, image }));
  return [...statuses, ...unborn].flatMap((status) => instancesOf(status, kindOf(specs.find(({ name }) => name === status.name))));
}

/** While a container waits to be started again, the status can name the same id as current and as last one: that is one instance. */
function instancesOf(status: ContainerStatus, kind: PodContainer['kind']): PodContainer[] {
  const { name, image, imageID: imageId, restartCount: restarts } = status;
  const same = { name, kind, image, imageId, restarts };
  const current: PodContainer = { ...same, instance: 'current', ...containerId(status.containerID), state: stateOf(status) };
  const last = containerId(status.lastState.terminated?.containerID ?? '');
  if (last.id === '' || last.id === current.id) return [current];
  return [current, { ...same, instance: 'previous', ...last, state: 'terminated' }];
}

/** `containerd://ID` and `cri-o://ID`. An id that is not 64 hex digits is none: it becomes part of paths on the node. */
function containerId(text: string): Pick<PodContainer, 'id' | 'runtime'> {
  const [scheme, id] = text.split('://');
  const runtime = scheme === 'containerd' || scheme === 'cri-o' ? scheme : 'unknown';
  return { id: id !== undefined && /^[0-9a-f]{64}$/.test(id) ? id : '', runtime };
}

function stateOf({ state }: ContainerStatus): PodContainer['state'] {
  if (state.running !== undefined && state.running !== null) return 'running';
  return state.terminated !== undefined && state.terminated !== null ? 'terminated' : 'waiting';
}

const nodeSchema = z.object({
  status: z.object({ addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]) }),
});

/** The first InternalIP of a node object, or undefined. */
export function internalIp(raw: JsonValue): string | undefined {
  const parsed = nodeSchema.safeParse(raw);
  return parsed.success ? parsed.data.status.addresses.find(({ type }) => type === 'InternalIP')?.address : undefined;
}
