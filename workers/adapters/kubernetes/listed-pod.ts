import { z } from 'zod';
import { type ListedPod, listedPodSchema, type Owner, ownerSchema } from '../../../playbooks/domain/batch.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { JsonValue } from '../../../playbooks/domain/json.js';

const statusSchema = z.object({
  containerID: z.string().default(''),
  imageID: z.string().default(''),
  state: z.object({ terminated: z.object({ containerID: z.string().default('') }).nullish() }).default({}),
  lastState: z.object({ terminated: z.object({ containerID: z.string().default('') }).nullish() }).default({}),
});
type Status = z.output<typeof statusSchema>;

const statusesSchema = z.array(statusSchema).nullish();
const specsSchema = z.array(z.object({ image: z.string().default('') })).nullish();

const itemSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).nullish(),
    ownerReferences: z.array(z.object({ kind: z.string(), name: z.string(), controller: z.boolean().nullish() })).nullish(),
  }),
  spec: z.object({
    nodeName: z.string().nullish(),
    initContainers: specsSchema,
    containers: specsSchema,
    ephemeralContainers: specsSchema,
  }),
  status: z.object({
    phase: z.string().default('Unknown'),
    initContainerStatuses: statusesSchema,
    containerStatuses: statusesSchema,
    ephemeralContainerStatuses: statusesSchema,
  }),
});
type Item = z.output<typeof itemSchema>;

/** A PodList of the API server (Kubernetes API v1), of which pods are parsed one by one. */
const pageSchema = z.object({
  kind: z.literal('PodList'),
  metadata: z.object({ continue: z.string().default('') }),
  items: z
    .array(z.unknown())
    .nullish()
    .transform((items) => items ?? []),
});

/** Reads one page of a list of pods, and where the next begins. Throws `cluster-unreachable` for what is none, or has a pod that is none. */
export function parsePodPage(raw: JsonValue): { readonly pods: readonly ListedPod[]; readonly next?: string } {
  const { metadata, items } = parsedAs(pageSchema, raw);
  const pods = items.map((item) => parsedAs(listedPodSchema, listed(parsedAs(itemSchema, item))));
  return { pods, ...(metadata.continue === '' ? {} : { next: metadata.continue }) };
}

function parsedAs<T extends z.ZodType>(schema: T, raw: unknown): z.output<T> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new TriageError('cluster-unreachable', `what answered is no list of pods: ${z.prettifyError(parsed.error)}`);
}

function listed({ metadata, spec, status }: Item): ListedPod {
  const statuses = [status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses].flatMap((some) => some ?? []);
  const specs = [spec.initContainers, spec.containers, spec.ephemeralContainers].flatMap((some) => some ?? []);
  const owner = ownerOf(metadata);
  return {
    namespace: metadata.namespace,
    pod: metadata.name,
    uid: metadata.uid,
    ...(spec.nodeName == null || spec.nodeName === '' ? {} : { node: spec.nodeName }),
    phase: status.phase,
    ...(owner === undefined ? {} : { owner }),
    images: bounded(
      specs.map(({ image }) => image),
      200,
    ),
    imageDigests: bounded(statuses.map(digestOf), 200),
    containerIds: bounded(statuses.flatMap(idsOf), 600),
  };
}

/** Who can make pods can make one with names without end: it must not keep all others from being listed. */
function bounded(texts: readonly string[], most: number): string[] {
  return [...new Set(texts)].filter((text) => text !== '' && text.length <= 500).slice(0, most);
}

/** The Deployment for a pod of its ReplicaSet, whose name it tells by its own hash (Kubernetes, "Deployments", pod-template-hash label). */
function ownerOf({ ownerReferences, labels }: Item['metadata']): Owner | undefined {
  const owner = ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const { kind, name } = owner;
  const suffix = `-${labels?.['pod-template-hash'] ?? ''}`;
  const isDeployment = kind === 'ReplicaSet' && suffix !== '-' && name.endsWith(suffix) && name !== suffix;
  // The API server takes any text for these.
  return ownerSchema.safeParse(isDeployment ? { kind: 'Deployment', name: name.slice(0, -suffix.length) } : { kind, name }).data;
}

/** `repository@sha256:...` as containerd and CRI-O say it, or the digest alone. */
function digestOf({ imageID }: Status): string {
  return /(?:^|@)(sha256:[0-9a-f]{64})$/.exec(imageID)?.[1] ?? '';
}

function idsOf({ containerID, state, lastState }: Status): string[] {
  const ids = [containerID, state.terminated?.containerID ?? '', lastState.terminated?.containerID ?? ''];
  return ids.flatMap((text) => /^(?:containerd|cri-o):\/\/([0-9a-f]{64})$/.exec(text)?.[1] ?? []);
}
