import type { Change } from '../../domain/change.js';
import type { TreeEntry } from '../node/find-records.js';

type Entry = Pick<TreeEntry, 'path' | 'type' | 'device' | 'target' | 'ctime'>;

/** Links that runc and crun make in /dev (OCI runtime specification, "Dev symbolic links"), and the one that runc makes for devpts. */
const links: ReadonlyMap<string, string> = new Map([
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['core', '/proc/kcore'],
  ['ptmx', 'pts/ptmx'],
]);

/** Default devices of the OCI runtime specification. */
const devices: ReadonlySet<string> = new Set(['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console']);

/** In seconds: a runtime makes all of /dev at once, before anything of the container runs. */
const atOnce = 0.5;

/**
 * Says for each entry of a mount whether the runtime made it. What lies on another device is a mount of its own. A device node is the runtime's
 * by its name, or by its time of change, which nobody can set: a privileged container gets all devices of the node.
 * @param device of the mount, as find prints it
 */
export function mountOrigins(mountPath: string, device: string | undefined, entries: readonly Entry[]): Change['origin'][] {
  const isDev = mountPath === '/dev';
  const made = entries.reduce((first, { ctime }) => Math.min(first, Number(ctime)), Number.POSITIVE_INFINITY);
  return entries.map((entry) => {
    if (device !== undefined && entry.device !== device) return 'mount';
    const name = entry.path.toString('latin1');
    if (isDev && isOfDev(entry, name, made)) return 'runtime';
    // cgroup v1: runc makes a link for each controller that is mounted together with another.
    return mountPath === '/sys/fs/cgroup' && entry.type === 'symlink' && /^[a-z_]+$/.test(name) && isSibling(entry.target) ? 'runtime' : 'container';
  });
}

function isOfDev({ type, target, ctime }: Entry, name: string, made: number): boolean {
  if (type === 'symlink') return links.get(name) === target.toString('latin1');
  if (type === 'directory') return name === 'pts' || name === 'shm' || name === 'mqueue';
  if (type !== 'char' && type !== 'block') return false;
  return (type === 'char' && devices.has(name)) || Number(ctime) <= made + atOnce;
}

function isSibling(target: Buffer): boolean {
  return /^(\/sys\/fs\/cgroup\/)?[a-z_,]+$/.test(target.toString('latin1'));
}
