import { parseJson } from '../../domain/json.js';
import { type Mount, parseMountinfo } from '../node/mountinfo.js';
import { parseRuntimeConfig, parseSandboxConfig, type RuntimeConfig } from './runtime-config.js';

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

/**
 * Takes a container's part of what node-records.ts prints; undefined where no record was found, or it lacks what identifies the container.
 * @param part the text of a section, empty where there is none
 * @param cgroup of the process that the record names
 */
export function containerRecord(part: (name: string) => string, cgroup: string): ContainerRecord | undefined {
  const runtime = part('runtime').trim();
  if (runtime !== 'containerd' && runtime !== 'cri-o') return undefined;
  const parsed = parseRuntimeConfig(runtime, parseJson(part('config')));
  if (parsed === undefined) return undefined;
  const { config, rootPath } = parsed;
  const root = rootPath.startsWith('/') ? rootPath : `${part('folder').trim()}/${rootPath}`;
  const process = processOf(Number(part('pid')), cgroup, part);
  const logs = parseSandboxConfig(parseJson(part('sandbox')), config.pod);
  return { runtime, ...config, ...logs, root, ...(process === undefined ? {} : { process }) };
}

function processOf(pid: number, cgroup: string, part: (name: string) => string): InitProcess | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0 || cgroup === '') return undefined;
  return { pid, cgroup, mounts: parseMountinfo(part('mounts')), mountsCut: part('mountsCut') !== '' };
}
