import { parseJson } from '../../domain/json.js';
import type { NodeSession } from '../../ports.js';
import { emit, parseEmitted } from '../node/emitted.js';
import { type Mount, parseMountinfo } from '../node/mountinfo.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';
import { parseRuntimeConfig, parseSandboxConfig, type RuntimeConfig } from './runtime-config.js';

/** Where a runtime keeps its record of a container, on the node. */
export interface RecordPlace {
  readonly runtime: 'containerd' | 'cri-o';
  readonly config: string;
  readonly pidFile: string;
}

/** A container's init process as /proc shows it. All but its cgroup is the suspect's to shape. */
export interface InitProcess {
  readonly pid: number;
  readonly cgroup: string;
  readonly mounts: readonly Mount[];
  /** True when its mount table was longer than what is read of it. */
  readonly mountsCut: boolean;
}

/** The runtime's own record of a container. */
export interface ContainerRecord extends RuntimeConfig {
  readonly runtime: 'containerd' | 'cri-o';
  /** Where the runtime mounts its root file system on the node; absent in records of containerd's client. */
  readonly root?: string;
  /** The process that the record names, if there is one by that number; it may be another's by now. */
  readonly process?: InitProcess;
  /** How containerd's client knows its root file system; only in records that it gave. */
  readonly snapshot?: { readonly snapshotter: string; readonly key: string };
}

/** A container with CAP_SYS_ADMIN can make a hundred thousand mounts (sysctl fs.mount-max); this much of the table is read. */
const maxMountTable = 2 * 1024 * 1024;

/**
 * Where the record of a container can be. containerd mounts the root file system of a running one below a task folder with the
 * container's id, which also holds the record. CRI-O keeps records of ended ones as well, in its run root, which shows in the mounts of
 * its sandboxes, and without the process id in its storage, which shows in the mounts of root file systems.
 */
export function recordPlaces(id: string, mounts: readonly Mount[]): RecordPlace[] {
  const places: RecordPlace[] = [];
  const [runRoots, storages] = [new Set<string>(), new Set<string>()];
  for (const { mountPoint } of mounts) {
    const folder = mountPoint.slice(0, -'/rootfs'.length);
    if (mountPoint.endsWith(`/io.containerd.runtime.v2.task/k8s.io/${id}/rootfs`))
      places.push({ runtime: 'containerd', config: `${folder}/config.json`, pidFile: `${folder}/init.pid` });
    const runRoot = /^(.+\/(?:overlay|vfs)-containers)\/[0-9a-f]{64}\/userdata\/shm$/.exec(mountPoint)?.[1];
    if (runRoot !== undefined) runRoots.add(runRoot);
    const storage = /^(.+)\/overlay\/[0-9a-f]{64}\/merged$/.exec(mountPoint)?.[1];
    if (storage !== undefined) storages.add(`${storage}/overlay-containers`);
  }
  for (const root of ['/run/containers/storage', '/var/run/containers/storage']) runRoots.add(`${root}/overlay-containers`);
  storages.add('/var/lib/containers/storage/overlay-containers');
  for (const folder of new Set([...runRoots, ...storages])) {
    places.push({ runtime: 'cri-o', config: `${folder}/${id}/userdata/config.json`, pidFile: `${folder}/${id}/userdata/pidfile` });
  }
  return places;
}

/**
 * The process of a record that is done with can be gone, another's, or dead and not yet buried, whose mount table cannot be opened: nothing
 * that /proc refuses is an error. Where containerd's record names the pod's sandbox, its record beside it is read as well: what is true of the
 * pod stands there. The cgroup is read last, so that what was read before it is the container's own if the cgroup is.
 */
const script = `${emit}
most=$1; shift
while [ $# -ge 3 ]; do
  if [ -f "$2" ]; then
    pid=
    {
      read -r pid <"$3"
      case $pid in *[!0-9]*) pid= ;; esac
      [ -z "$pid" ] || true <"/proc/$pid/mountinfo" || pid=
    } 2>/dev/null
    printf '%s\\n' "$1" "$pid" "\${2%/*}" | emit place
    emit config <"$2"
    if [ "$1" = containerd ]; then
      sandbox=$(grep -o '"io.kubernetes.cri.sandbox-id":"[0-9a-f]*"' "$2")
      sandbox=\${sandbox%\\"}
      sandbox=\${2%/*/*}/\${sandbox##*\\"}/config.json
      if [ -f "$sandbox" ]; then emit sandbox <"$sandbox"; fi
    fi
    if [ -n "$pid" ]; then
      head -c "$most" "/proc/$pid/mountinfo" | emit mounts
      emit cgroup <"/proc/$pid/cgroup"
    fi 2>/dev/null
    exit 0
  fi
  shift 3
done
`;

/** Reads the record at the first of the places that exists; undefined when none does: the container is not running, or long gone. */
export async function readContainerRecord(
  session: NodeSession,
  places: readonly RecordPlace[],
  signal: AbortSignal,
): Promise<ContainerRecord | undefined> {
  const args = places.flatMap(({ runtime, config, pidFile }) => [runtime, config, pidFile]);
  const command = nodeCommand('container-record', ['sh', '-c', script, 'podtriage', String(maxMountTable), ...args], { timeoutMs: 60_000 });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  return parseContainerRecord(stdout.toString('latin1'));
}

/** Parses what the script printed; undefined where no record was found, or it lacks what identifies the container. */
export function parseContainerRecord(text: string): ContainerRecord | undefined {
  const values = parseEmitted(text);
  const value = (name: string) => values.get(name)?.toString('utf8').trim() ?? '';
  const [runtime, pid, ...folder] = value('place').split('\n');
  if (runtime !== 'containerd' && runtime !== 'cri-o') return undefined;
  const parsed = parseRuntimeConfig(runtime, parseJson(value('config')));
  if (parsed === undefined) return undefined;
  const { config, rootPath } = parsed;
  const root = rootPath.startsWith('/') ? rootPath : `${folder.join('\n')}/${rootPath}`;
  const process = processOf(Number(pid), value('cgroup'), values.get('mounts') ?? Buffer.alloc(0));
  const logs = parseSandboxConfig(parseJson(value('sandbox')), config.pod);
  return { runtime, ...config, ...logs, root, ...(process === undefined ? {} : { process }) };
}

function processOf(pid: number, cgroup: string, table: Buffer): InitProcess | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0 || cgroup === '') return undefined;
  const mountsCut = table.length >= maxMountTable;
  const whole = mountsCut ? table.subarray(0, table.lastIndexOf(10)) : table;
  return { pid, cgroup, mounts: parseMountinfo(whole.toString('utf8')), mountsCut };
}
