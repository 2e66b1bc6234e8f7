import { pathName } from '../../domain/path-name.js';
import type { Process } from '../../domain/process.js';
import type { Gap } from '../../domain/run.js';
import type { NodeContainer } from '../../facts.js';
import { idInside } from '../changes/id-map.js';
import { cgroupHome } from '../node/cgroup.js';
import { executableOf } from './process-executable.js';
import { foreignMounts } from './process-mounts.js';
import { processBounds } from './process-script.js';
import type { Sections } from './process-sections.js';
import { type ProcessStat, parseStat, parseStatus, splitArguments, startTime } from './process-stat.js';
import { parseSurvey, type Survey } from './process-survey.js';

/** A process as the survey saw it. */
export interface FoundProcess {
  readonly row: Process;
  /** `device:inode` of the executable; absent where it could not be seen. */
  readonly executable?: string;
  /** Whether the executable lies on the container's root file system. */
  readonly onRoot: boolean;
}

/** The processes of a pod, in the order of containers and pids, and what could not be had of them. */
export interface ProcessList {
  readonly processes: readonly FoundProcess[];
  readonly gaps: readonly Gap[];
  /** False when a process kept readers waiting, or had too much to read. */
  readonly whole: boolean;
}

/** Most sockets of one process that are listed. */
const maxSockets = 1_000;

/** Joins the sections of a survey to one row for each process of the containers. */
export function processList(sections: Sections, containers: readonly NodeContainer[]): ProcessList {
  const gaps: Gap[] = [];
  const owners = ownersOf(sections, containers);
  if (owners.size > processBounds.processes) gaps.push(tooMany());
  const survey = parseSurvey(sections);
  if (!survey.allSockets) gaps.push({ subject: 'sockets', reason: 'too-many', detail: 'not all sockets of the pod are listed' });
  if (!survey.allSpaces) gaps.push({ subject: 'mount namespaces', reason: 'could-not-read', detail: 'not all of the processes’ are known' });
  gaps.push(...foreignMounts(survey, owners));
  const processes = [...owners].slice(0, processBounds.processes).flatMap(([pid, container]) => {
    const found = processOf(survey, pid, container, gaps);
    return found === undefined ? [] : [found];
  });
  for (const container of containers) {
    if (!processes.some(({ row }) => row.containerId === container.id)) gaps.push(nobodyIn(container));
  }
  const order = new Map(containers.map(({ id }, index) => [id, index]));
  processes.sort(({ row: a }, { row: b }) => (order.get(a.containerId) ?? 0) - (order.get(b.containerId) ?? 0) || a.pid - b.pid);
  const isUnread = ({ row: { pid } }: FoundProcess): boolean => survey.arguments.unread.has(pid) || survey.variables.unread.has(pid);
  if (!survey.whole || processes.some(isUnread))
    gaps.push({ subject: 'processes', reason: 'could-not-read', detail: 'not all arguments and names of variables could be read' });
  return { processes, gaps, whole: survey.whole };
}

function tooMany(): Gap {
  const detail = `the pod has more than ${processBounds.processes} processes; the rest was not looked at`;
  return { subject: 'processes', reason: 'too-many', detail };
}

function nobodyIn({ name }: NodeContainer): Gap {
  return { subject: `container ${name}`, reason: 'no-process', detail: 'none of its processes could be found; it may have ended meanwhile' };
}

/**
 * Which container each process belongs to. The cgroup must lie at or below the one of the container's init process: a name alone could
 * be that of a cgroup that a process of another pod has made.
 */
export function ownersOf(sections: Sections, containers: readonly NodeContainer[]): Map<number, NodeContainer> {
  const owners = new Map<number, NodeContainer>();
  const inits = cgroupLines(sections.get('inits'));
  const homes = containers.flatMap((container) => {
    const init = inits.find(({ pid }) => pid === container.pid);
    const home = cgroupHome(init?.path ?? '', container.id);
    return home === undefined ? [] : [{ container, home }];
  });
  for (const { pid, path } of cgroupLines(sections.get('cgroups'))) {
    const owner = homes.find(({ home }) => path === home || path.startsWith(`${home}/`));
    if (owner !== undefined) owners.set(pid, owner.container);
  }
  return owners;
}

function cgroupLines(data: Buffer | undefined): { pid: number; path: string }[] {
  return (data?.toString('latin1') ?? '').split('\n').flatMap((line) => {
    // The name of a cgroup can hold any byte but a newline.
    const [, pid, path] = /^(\d{1,10})\/cgroup:\d+:[^:]*:(.*)$/s.exec(line) ?? [];
    return pid === undefined || path === undefined ? [] : [{ pid: Number(pid), path }];
  });
}

function processOf(survey: Survey, pid: number, container: NodeContainer, gaps: Gap[]): FoundProcess | undefined {
  const stat = statAt(survey.before, pid);
  const after = statAt(survey.after, pid);
  // It ended while it was read: that is what processes do.
  if (stat === undefined || after === undefined) return undefined;
  const subject = `${container.name}: process ${pid}`;
  if (stat.startTicks !== after.startTicks) {
    gaps.push({ subject, reason: 'pid-reused', detail: 'another process took its pid while it was read; neither is listed' });
    return undefined;
  }
  const seen = executableOf(survey, pid);
  if (seen.key === undefined && !after.zombie)
    gaps.push({ subject, reason: 'could-not-read', detail: 'its executable cannot be seen from the node' });
  if ((survey.sockets.get(pid)?.length ?? 0) > maxSockets)
    gaps.push({ subject, reason: 'too-many', detail: `it has more than ${maxSockets} sockets` });
  const rootDevice = survey.sections
    .get(`root.${container.pid ?? ''}`)
    ?.toString('latin1')
    .trim();
  return {
    row: { ...identityOf(survey, pid, stat, after.zombie, container), executable: seen.executable, ...textsOf(survey, pid) },
    ...(seen.key === undefined ? {} : { executable: seen.key }),
    onRoot: seen.key !== undefined && seen.executable.device === rootDevice,
  };
}

function statAt(stats: ReadonlyMap<string, Buffer>, pid: number): ProcessStat | undefined {
  const line = stats.get(`${pid}/stat`);
  return line === undefined ? undefined : parseStat(line);
}

function identityOf({ before, boot, ticksPerSecond }: Survey, pid: number, stat: ProcessStat, zombie: boolean, container: NodeContainer) {
  const { uid = 0, containerPid } = parseStatus(before.get(`${pid}/status`)?.toString('latin1') ?? '');
  // One that the namespace does not map stays as it is: the kernel's number for all of those says nothing of a process.
  const inside = idInside(uid, container.idMaps?.uids ?? []) ?? uid;
  return {
    container: container.name,
    containerId: container.id,
    pid,
    ...(containerPid === undefined ? {} : { containerPid }),
    parent: stat.parent,
    startedAt: startTime(stat.startTicks, boot, ticksPerSecond),
    name: pathName(stat.name),
    uid: inside,
    ...(inside === uid ? {} : { nodeUid: uid }),
    ...(zombie ? { zombie } : {}),
  };
}

function textsOf({ arguments: given, variables, links, sockets, whole }: Survey, pid: number) {
  const { argumentBytes, environmentNames } = processBounds;
  const { parts, cut } = splitArguments(given.texts.get(pid) ?? Buffer.alloc(0), argumentBytes);
  const names = variableNames(variables.texts.get(pid) ?? Buffer.alloc(0));
  const directory = links.get(`${pid}/cwd`);
  return {
    arguments: parts.map(pathName),
    ...(cut || given.unread.has(pid) ? { argumentsCut: true } : {}),
    ...(directory === undefined || directory.length === 0 ? {} : { workingDirectory: pathName(directory) }),
    environment: names.slice(0, environmentNames).map(pathName),
    ...(names.length > environmentNames || !whole || variables.unread.has(pid) ? { environmentCut: true } : {}),
    sockets: (sockets.get(pid) ?? []).slice(0, maxSockets),
  };
}

/** Names as grep found them, each with the `=` that follows it: one without was cut. */
function variableNames(data: Buffer): Buffer[] {
  const { parts } = splitArguments(data, data.length);
  return parts.filter((part) => part.includes('=')).map((part) => part.subarray(0, part.indexOf('=')));
}
