import { TriageError } from '../../domain/error.js';

/** The name that a container's cgroup has by its id: with the cgroupfs driver the id alone, with systemd's a scope of the runtime. */
function cgroupName(id: string): string {
  return `(cri-containerd-|crio-)?${id}(\\.scope)?`;
}

/**
 * A pattern for JavaScript and for grep -E alike: a whole path component of a /proc/PID/cgroup that names one of the containers, as conmon's
 * cgroup also holds an id. Throws `internal` for what is no id of a container.
 */
export function cgroupPattern(ids: readonly string[]): string {
  if (ids.length === 0 || !ids.every((id) => /^[0-9a-f]{64}$/.test(id)))
    throw new TriageError('internal', 'the id of a container must be 64 hex digits');
  return `(^|/)${cgroupName(`(${ids.join('|')})`)}(/|$)`;
}

/** Whether a /proc/PID/cgroup names the container itself. */
export function cgroupNames(cgroup: string, id: string): boolean {
  return new RegExp(cgroupPattern([id]), 'm').test(cgroup);
}

/** The path of a cgroup up to the first component that names the container. */
export function cgroupHome(path: string, id: string): string | undefined {
  return new RegExp(`^.*?(^|/)${cgroupName(id)}(?=/|$)`, 's').exec(path)?.[0];
}
