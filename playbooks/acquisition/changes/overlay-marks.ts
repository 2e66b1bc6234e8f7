import { withoutDot } from '../node/node-command.js';
import type { TarEntry } from '../tar/tar-reader.js';

/**
 * What extended attributes say of the paths of one layer (kernel, overlayfs.rst). Paths are latin1 of their raw bytes. `user.overlay.*` counts
 * only where the mount says `userxattr`: a container can forge it.
 */
export class OverlayMarks {
  /** Directories that hide what the layers below have under the same path. */
  readonly opaque = new Set<string>();
  /** Files that are whiteouts if they are empty (Linux 6.7). The mark `x` of their directory is for listings only: a lookup does without. */
  readonly whiteouts = new Set<string>();
  /** Where a directory, or a file without data, was before it was renamed: a name in the same directory, or a path from the root. */
  readonly redirects = new Map<string, Buffer>();
  /** Files that hold no data. */
  readonly metacopies = new Set<string>();
  /** Raw `security.capability`. */
  readonly capabilities = new Map<string, Buffer>();

  constructor(private readonly prefix: string) {}

  /** Takes what tar says of one path; empty copies and `directory/.` stand for the path itself. */
  take({ name, type, xattrs }: Pick<TarEntry, 'name' | 'type' | 'xattrs'>): void {
    if (xattrs.size === 0) return;
    const path = pathOfMember(name);
    const mark = (what: string): Buffer | undefined => xattrs.get(`${this.prefix}.${what}`);
    const redirect = mark('redirect');
    if (redirect !== undefined) this.redirects.set(path, redirect);
    if (type === 'directory') {
      if (mark('opaque')?.toString('latin1') === 'y') this.opaque.add(path);
    } else {
      if (mark('whiteout') !== undefined) this.whiteouts.add(path);
      if (mark('metacopy') !== undefined) this.metacopies.add(path);
      const capability = xattrs.get('security.capability');
      if (capability !== undefined) this.capabilities.set(path, capability);
    }
  }
}

/** The path that a member of an archive of ours is about: without `./` in front and `/` or `/.` behind. */
function pathOfMember(name: Buffer): string {
  return withoutDot(name)
    .toString('latin1')
    .replace(/(\/\.?)+$/, '');
}
