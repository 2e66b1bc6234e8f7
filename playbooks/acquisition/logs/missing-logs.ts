import type { Gap, Limit } from '../../domain/run.js';
import type { Facts } from '../../facts.js';
import type { KeptLog, PodLogs } from './pod-logs.js';
import { logSubject, type WantedLog } from './wanted-logs.js';

const kinds: Readonly<Record<string, string>> = {
  d: 'a directory',
  l: 'a symlink',
  p: 'a FIFO',
  s: 'a socket',
  c: 'a device',
  b: 'a device',
};

/**
 * What could not be had: of each instance that the pod's status names, a log that is not there, is no file, or could not be read; and the log
 * of an instance that was started since.
 * @param where the pod's folder, for messages
 * @param found undefined where the folder of all logs is not there
 */
export function gapsOfLogs(
  containers: Facts['podContainers'],
  wanted: readonly WantedLog[],
  kept: readonly KeptLog[],
  where: string,
  found: PodLogs | undefined,
): Gap[] {
  const gaps: Gap[] = [];
  for (const { log, unstable } of kept)
    if (unstable) gaps.push({ subject: logSubject(log), reason: 'unstable', detail: 'it was rotated or cut each time it was read' });
  for (const log of wanted) {
    if (kept.some((each) => each.log.file === log.file)) continue;
    const why = whyNot(log, where, found);
    if (why !== undefined) gaps.push({ subject: logSubject(log), ...why });
    else if (isMissed(log, containers, wanted, kept)) gaps.push({ subject: logSubject(log), reason: 'no-log', detail: notThere(log, where, found) });
  }
  return [...gaps, ...startedSince(wanted, found)];
}

/** Undefined for what is just not there. */
function whyNot({ container, file }: WantedLog, where: string, found: PodLogs | undefined): Pick<Gap, 'reason' | 'detail'> | undefined {
  if (found?.unreadable.has(file) === true) return { reason: 'could-not-read', detail: `${where}/${file} cannot be read` };
  const wrong = ['', container, file].find((path) => (found?.types.get(path) ?? right(path, file)) !== right(path, file));
  if (wrong === undefined) return undefined;
  const kind = kinds[found?.types.get(wrong) ?? ''] ?? 'of an unknown kind';
  return {
    reason: 'not-a-file',
    detail: `${wrong === '' ? where : `${where}/${wrong}`} is ${kind}, which kubelet does not make there; it was not followed or read`,
  };
}

function right(path: string, file: string): 'd' | 'f' {
  return path === file ? 'f' : 'd';
}

/** Of an instance before that the status does not name any more, kubelet has removed the log as well. Of two places one will do. */
function isMissed(log: WantedLog, containers: Facts['podContainers'], wanted: readonly WantedLog[], kept: readonly KeptLog[]): boolean {
  const isSame = (each: WantedLog): boolean => each.container === log.container && each.instance === log.instance;
  if (kept.some((each) => isSame(each.log)) || wanted.find(isSame) !== log) return false;
  return containers.some(({ name, instance, id }) => name === log.container && instance === log.instance && id !== '');
}

function notThere({ file }: WantedLog, where: string, found: PodLogs | undefined): string {
  if (found?.types.get('') === undefined) return `there is no folder ${where}`;
  return `there is no ${file} in ${where}: the container was never started, or kubelet has removed it`;
}

/** The pod's status is older than what the node shows. */
function startedSince(wanted: readonly WantedLog[], found: PodLogs | undefined): Gap[] {
  return [...newest(wanted)].flatMap(([container, number]) => {
    const later = (found?.others ?? []).flatMap(({ path }) => numberOf(container, path) ?? []).filter((each) => each > number);
    if (later.length === 0) return [];
    const detail = 'it was started anew since the pod’s status was read; the log of what was started was left on the node';
    return [{ subject: logSubject({ container, instance: 'current' }), reason: 'container-not-running', detail }];
  });
}

function newest(wanted: readonly WantedLog[]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const { container, file } of wanted) numbers.set(container, Math.max(numbers.get(container) ?? 0, numberOf(container, file) ?? 0));
  return numbers;
}

function numberOf(container: string, path: string): number | undefined {
  const number = /^(\d{1,9})\.log$/.exec(path.startsWith(`${container}/`) ? path.slice(container.length + 1) : '')?.[1];
  return number === undefined ? undefined : Number(number);
}

/** What was left on the node: the start of a long log, and what kubelet rotated away or keeps of earlier instances. */
export function limitsOfLogs(wanted: readonly WantedLog[], kept: readonly KeptLog[], found: PodLogs | undefined): Limit[] {
  const limits: Limit[] = [];
  for (const { log, file, stored, unstable } of kept) {
    if (unstable || file.size <= stored.size) continue;
    limits.push({ subject: logSubject(log), reason: 'log-bytes', detail: `the last ${stored.size} of ${file.size} bytes were kept` });
  }
  for (const [container, number] of newest(wanted)) {
    const older = (found?.others ?? []).filter(({ path }) => isOlder(container, number, path));
    if (older.length === 0) continue;
    const bytes = older.reduce((sum, { size }) => sum + size, 0);
    const count = `${found?.complete === false ? 'at least ' : ''}${older.length} ${older.length === 1 ? 'file' : 'files'} of ${bytes} bytes`;
    const detail = `${count}, rotated or of earlier instances, left on the node`;
    limits.push({ subject: logSubject({ container, instance: 'current' }), reason: 'older-logs', detail });
  }
  return limits;
}

function isOlder(container: string, newestNumber: number, path: string): boolean {
  const number = numberOf(container, path);
  return number === undefined ? path.startsWith(`${container}/`) : number < newestNumber;
}
