import type { Change } from '../../domain/change.js';

/** What kubelet and the runtimes put into every container, relative to its root. */
const runtimePaths = ['dev', 'proc', 'sys', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'etc/mtab', 'run/.containerenv', 'run/secrets'];

/** What a placeholder is told by. Absent where the method that listed the path cannot say it (nerdctl). */
export interface PlaceholderTraits extends Pick<Change, 'type' | 'kind'> {
  readonly size?: number;
  readonly mode?: string;
  readonly target?: Buffer;
  /** Whether it belongs to root, in the container or on the node. */
  readonly byRoot?: boolean;
  /** Whether it has file capabilities. */
  readonly hasAttributes?: boolean;
}

/**
 * Says whether a changed path is a placeholder of the runtime (`runtime`), the place of a mount or on the way to one (`mount`), or the
 * container's own doing. A runtime makes what is missing, as root and for all to read, and leaves it empty: what was in the image before,
 * or has bytes, another owner, another target or more rights than that, is the suspect's.
 * @param path latin1 of the raw bytes, relative to the container's root
 */
export function originOf(path: string, traits: PlaceholderTraits, mountPaths: readonly string[]): Change['origin'] {
  if (!isPlaceholder(path, traits)) return 'container';
  if (leadsTo(path, traits, runtimePaths)) return 'runtime';
  const mounts = mountPaths.map((mount) => Buffer.from(mount.replace(/^\/+/, ''), 'utf8').toString('latin1'));
  return leadsTo(path, traits, mounts) ? 'mount' : 'container';
}

function isPlaceholder(path: string, { kind, type, size, mode, target, byRoot = true, hasAttributes = false }: PlaceholderTraits): boolean {
  if (kind !== 'added' || !byRoot || hasAttributes) return false;
  if (type === 'symlink') return path === 'etc/mtab' && (target === undefined || target.toString('latin1') === '/proc/mounts');
  return (type === 'directory' || (type === 'file' && size === 0)) && !isLoose(mode);
}

/** Setuid, setgid and sticky bits, and the right to write for group or others: no runtime gives those to what it makes. */
function isLoose(mode = '0755'): boolean {
  return (Number.parseInt(mode, 8) & 0o7022) !== 0;
}

function leadsTo(path: string, traits: PlaceholderTraits, places: readonly string[]): boolean {
  return places.some((place) => place === path || (traits.type === 'directory' && place.startsWith(`${path}/`)));
}
