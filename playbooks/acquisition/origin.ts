import type { Change } from '../domain/change.js';

/** What kubelet and the runtimes put into every container, relative to its root. */
const runtimePaths = ['dev', 'proc', 'sys', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'etc/mtab', 'run/.containerenv', 'run/secrets'];

type Subject = Pick<Change, 'type' | 'kind'> & { readonly size?: number | undefined };

/**
 * Says whether a changed path is a placeholder of the runtime (`runtime`), the place of a mount or on the way to one (`mount`), or the
 * container's own doing. Only empty files, directories and CRI-O's etc/mtab link can be placeholders: one with bytes in it is the suspect's.
 * @param path latin1 of the raw bytes, relative to the container's root
 */
export function originOf(path: string, change: Subject, mountPaths: readonly string[]): Change['origin'] {
  if (change.kind === 'deleted') return 'container';
  const placeholder =
    change.type === 'directory' || (change.type === 'file' && change.size === 0) || (change.type === 'symlink' && path === 'etc/mtab');
  if (!placeholder) return 'container';
  if (leadsTo(path, change, runtimePaths)) return 'runtime';
  return leadsTo(
    path,
    change,
    mountPaths.map((mount) => mount.replace(/^\/+/, '')),
  )
    ? 'mount'
    : 'container';
}

function leadsTo(path: string, change: Subject, places: readonly string[]): boolean {
  return places.some((place) => place === path || (change.type === 'directory' && place.startsWith(`${path}/`)));
}
