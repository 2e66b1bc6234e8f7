import { z } from 'zod';
import type { NodeSession } from '../ports.js';
import type { Mount } from './mountinfo.js';
import { checkExit, collect, nodeCommand } from './node-command.js';
import { parseEmitted } from './node-facts.js';

/** Where a runtime keeps its record of a container, on the node. */
export interface RecordPlace {
  readonly runtime: 'containerd' | 'cri-o';
  readonly config: string;
  readonly pidFile: string;
}

/** The runtime's own record of a container, and what /proc says of its init process. */
export interface ContainerRecord {
  readonly runtime: 'containerd' | 'cri-o';
  readonly pod: { readonly uid: string; readonly name: string; readonly namespace: string };
  readonly container: string;
  /** As the runtime configured it; may be relative to the record's folder. */
  readonly rootPath: string;
  readonly mounts: readonly { readonly destination: string; readonly source: string; readonly readOnly: boolean }[];
  readonly pid: number;
  readonly cgroup: string;
  /** Devices of the `/` lines in the init process's mount table; a privileged container can stack several. */
  readonly rootDevices: readonly string[];
}

/** OCI runtime configuration (config.json), as far as it is needed. */
const configSchema = z.object({
  root: z.object({ path: z.string() }),
  annotations: z.record(z.string(), z.string()).default({}),
  mounts: z
    .array(z.object({ destination: z.string(), source: z.string().default(''), options: z.array(z.string()).default([]) }))
    .nullish()
    .transform((mounts) => mounts ?? []),
});

/** Annotations that containerd's CRI plugin and CRI-O write from what kubelet sent: not from the image. */
const annotations = {
  containerd: {
    uid: 'io.kubernetes.cri.sandbox-uid',
    name: 'io.kubernetes.cri.sandbox-name',
    namespace: 'io.kubernetes.cri.sandbox-namespace',
    container: 'io.kubernetes.cri.container-name',
  },
  'cri-o': {
    uid: 'io.kubernetes.pod.uid',
    name: 'io.kubernetes.pod.name',
    namespace: 'io.kubernetes.pod.namespace',
    container: 'io.kubernetes.container.name',
  },
} as const;

/**
 * Where the record of a running container can be: containerd mounts its root file system below a folder with the container's id,
 * which also holds the record; CRI-O's run root shows in the mounts of its sandboxes.
 */
export function recordPlaces(id: string, mounts: readonly Mount[]): RecordPlace[] {
  const places: RecordPlace[] = [];
  const runRoots = new Set(['/run/containers/storage', '/var/run/containers/storage']);
  for (const { mountPoint } of mounts) {
    const folder = mountPoint.slice(0, -'/rootfs'.length);
    if (mountPoint.endsWith(`/${id}/rootfs`)) places.push({ runtime: 'containerd', config: `${folder}/config.json`, pidFile: `${folder}/init.pid` });
    const runRoot = /^(.+)\/overlay-containers\/[0-9a-f]{64}\/userdata\/shm$/.exec(mountPoint)?.[1];
    if (runRoot !== undefined) runRoots.add(runRoot);
  }
  for (const runRoot of runRoots) {
    const folder = `${runRoot}/overlay-containers/${id}/userdata`;
    places.push({ runtime: 'cri-o', config: `${folder}/config.json`, pidFile: `${folder}/pidfile` });
  }
  return places;
}

const script = `
emit() { printf '%s ' "$1"; base64 -w0; printf '\\n'; }
while [ $# -ge 3 ]; do
  if [ -f "$2" ]; then
    printf 'runtime '; printf '%s' "$1" | base64 -w0; printf '\\n'
    emit config <"$2"
    emit pid <"$3"
    pid=$(cat "$3")
    case $pid in
      ''|*[!0-9]*) ;;
      *) emit cgroup <"/proc/$pid/cgroup"; awk '$5 == "/" { print $3 }' "/proc/$pid/mountinfo" | emit device ;;
    esac
    exit 0
  fi
  shift 3
done
`;

/** Reads the record at the first of the places that exists; undefined when none does: the container is not running on this node. */
export async function readContainerRecord(
  session: NodeSession,
  places: readonly RecordPlace[],
  signal: AbortSignal,
): Promise<ContainerRecord | undefined> {
  const args = places.flatMap(({ runtime, config, pidFile }) => [runtime, config, pidFile]);
  const command = nodeCommand('container-record', ['sh', '-c', script, 'podtriage', ...args], { timeoutMs: 60_000 });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  return parseContainerRecord(stdout.toString('latin1'));
}

/** Parses what the script printed; undefined where no record was found, or it lacks what identifies the container. */
export function parseContainerRecord(text: string): ContainerRecord | undefined {
  const values = parseEmitted(text);
  const value = (name: string) => values.get(name)?.toString('utf8').trim() ?? '';
  const runtime = value('runtime');
  const config = configSchema.safeParse(parseJson(value('config')));
  if ((runtime !== 'containerd' && runtime !== 'cri-o') || !config.success) return undefined;
  const names = annotations[runtime];
  const said = config.data.annotations;
  const [uid, name, namespace, container] = [said[names.uid], said[names.name], said[names.namespace], said[names.container]];
  if (uid === undefined || name === undefined || namespace === undefined || container === undefined) return undefined;
  return {
    runtime,
    pod: { uid, name, namespace },
    container,
    rootPath: config.data.root.path,
    mounts: config.data.mounts.map(({ destination, source, options }) => ({ destination, source, readOnly: options.includes('ro') })),
    pid: Number(value('pid')),
    cgroup: value('cgroup'),
    rootDevices: value('device').split('\n'),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a /proc/PID/cgroup names the container itself: a whole path component, as conmon's cgroup also holds the id. */
export function cgroupNames(cgroup: string, id: string): boolean {
  return new RegExp(`(^|/)(cri-containerd-|crio-)?${id}(\\.scope)?(/|$)`, 'm').test(cgroup);
}
