import { z } from 'zod';
import type { IdRange } from '../../facts.js';
import { parentOf } from '../node/ancestors.js';

/** What a runtime's own configuration of a container says of it. */
export interface RuntimeConfig {
  readonly pod: { readonly uid: string; readonly name: string; readonly namespace: string };
  readonly container: string;
  readonly mounts: readonly { readonly destination: string; readonly source: string; readonly readOnly: boolean }[];
  /** Absent where the container shares the node's user namespace. */
  readonly idMaps?: { readonly uids: IdRange[]; readonly gids: IdRange[] };
  /** The id of the pod's sandbox, where its record has to be looked at for more (containerd). */
  readonly sandbox?: string;
  /** Kubelet's folder of pods' logs, where the record names it (CRI-O). */
  readonly podLogs?: string;
}

const id = z.int().nonnegative();
const mappingsSchema = z
  .array(
    z
      .object({ containerID: id, hostID: id, size: z.int().positive() })
      .transform(({ containerID, hostID, size }): IdRange => ({ container: containerID, node: hostID, size })),
  )
  .nullish()
  .transform((mappings) => mappings ?? []);

/** OCI runtime configuration (config.json), as far as it is needed. */
const configSchema = z.object({
  root: z.object({ path: z.string() }),
  annotations: z.record(z.string(), z.string()).default({}),
  mounts: z
    .array(z.object({ destination: z.string(), source: z.string().default(''), options: z.array(z.string()).nullish() }))
    .nullish()
    .transform((mounts) => mounts ?? []),
  linux: z.object({ uidMappings: mappingsSchema, gidMappings: mappingsSchema }).optional(),
});

/**
 * Annotations that containerd's CRI plugin and CRI-O write from what kubelet sent: not from the image, and not from annotations of the
 * pod (which CRI-O copies as well, but writes over).
 */
const annotations = {
  containerd: {
    uid: 'io.kubernetes.cri.sandbox-uid',
    name: 'io.kubernetes.cri.sandbox-name',
    namespace: 'io.kubernetes.cri.sandbox-namespace',
    container: 'io.kubernetes.cri.container-name',
    sandbox: 'io.kubernetes.cri.sandbox-id',
  },
  'cri-o': {
    uid: 'io.kubernetes.pod.uid',
    name: 'io.kubernetes.pod.name',
    namespace: 'io.kubernetes.pod.namespace',
    container: 'io.kubernetes.container.name',
    log: 'io.kubernetes.cri-o.LogPath',
  },
} as const;

/**
 * Reads a container's OCI configuration; undefined where it is none, or lacks what identifies the container.
 * @returns it, and the path of the root file system as the runtime wrote it; may be relative to the record's folder
 */
export function parseRuntimeConfig(
  runtime: keyof typeof annotations,
  value: unknown,
): { readonly config: RuntimeConfig; readonly rootPath: string } | undefined {
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { root, annotations: said, mounts, linux } = parsed.data;
  const names = annotations[runtime];
  const [uid, name, namespace, container] = [said[names.uid], said[names.name], said[names.namespace], said[names.container]];
  if (uid === undefined || name === undefined || namespace === undefined || container === undefined) return undefined;
  const [uids, gids] = [linux?.uidMappings ?? [], linux?.gidMappings ?? []];
  const pod = { uid, name, namespace };
  const config = {
    pod,
    container,
    mounts: mounts.map(({ destination, source, options }) => ({ destination, source, readOnly: options?.includes('ro') === true })),
    ...(uids.length === 0 && gids.length === 0 ? {} : { idMaps: { uids, gids } }),
    ...('sandbox' in names ? sandboxOf(said[names.sandbox]) : podLogsOf(parentOf(parentOf(said[names.log] ?? '')), pod)),
  };
  return { config, rootPath: root.path };
}

function sandboxOf(sandbox = ''): Pick<RuntimeConfig, 'sandbox'> {
  return /^[0-9a-f]{64}$/.test(sandbox) ? { sandbox } : {};
}

/** Reads from containerd's configuration of a pod's sandbox where kubelet keeps the logs of pods; nothing where it is another pod's, or says nothing. */
export function parseSandboxConfig(value: unknown, pod: RuntimeConfig['pod']): Pick<RuntimeConfig, 'podLogs'> {
  const said = z.object({ annotations: z.record(z.string(), z.string()) }).safeParse(value).data?.annotations ?? {};
  const { uid, name, namespace } = annotations.containerd;
  const isOfPod = said[uid] === pod.uid && said[name] === pod.name && said[namespace] === pod.namespace;
  return isOfPod ? podLogsOf(said['io.kubernetes.cri.sandbox-log-directory'] ?? '', pod) : {};
}

/** The folder of a pod's logs, as kubelet names it (pkg/kubelet/kuberuntime, BuildPodLogsDirectory). */
export function podLogFolder({ namespace, name, uid }: RuntimeConfig['pod']): string {
  return `${namespace}_${name}_${uid}`;
}

function podLogsOf(folder: string, pod: RuntimeConfig['pod']): Pick<RuntimeConfig, 'podLogs'> {
  const podLogs = parentOf(folder);
  return podLogs.startsWith('/') && folder === `${podLogs}/${podLogFolder(pod)}` ? { podLogs } : {};
}
