import { parentOf } from '../node/ancestors.js';
import type { OverlayMarks } from './overlay-marks.js';

/**
 * Where the image has what a renamed directory brought along (overlayfs `redirect_dir`): below the place that the mark names, a name in the
 * same directory or a path from the root, in the image's own names (kernel, overlayfs.rst). Paths are latin1 of their raw bytes.
 */
export class Lineage {
  private readonly known = new Map<string, string | undefined>([['', '']]);

  constructor(private readonly marks: Pick<OverlayMarks, 'redirects' | 'opaque'>) {}

  /** Whether anything was renamed at all. */
  get isPlain(): boolean {
    return this.marks.redirects.size === 0;
  }

  /** The image's path of what stands at `path`, where that is another one. */
  renamedFrom(path: string): string | undefined {
    if (this.isPlain) return undefined;
    const origin = this.originOf(path);
    return origin === path ? undefined : origin;
  }

  /** Whether a directory above `path` was renamed, so that whiteouts in it hide what came along. */
  isBelowRenamed(path: string): boolean {
    const parent = parentOf(path);
    return !this.isPlain && parent !== '' && this.originOf(parent) !== parent && !this.isCutOff(parent);
  }

  /** Undefined for what is no part of the image: in or below an opaque directory. */
  private originOf(path: string): string | undefined {
    if (this.known.has(path)) return this.known.get(path);
    const origin = this.ownOrigin(path);
    this.known.set(path, origin);
    return origin;
  }

  private ownOrigin(path: string): string | undefined {
    const parent = parentOf(path);
    const redirect = this.marks.redirects.get(path)?.toString('latin1');
    if (redirect?.startsWith('/') === true) return isSound(redirect.slice(1)) ? redirect.slice(1) : undefined;
    if (this.marks.opaque.has(path)) return undefined;
    const above = this.originOf(parent);
    const name = redirect ?? path.slice(parent === '' ? 0 : parent.length + 1);
    if (above === undefined || name.includes('/') || !isSound(name)) return undefined;
    return above === '' ? name : `${above}/${name}`;
  }

  private isCutOff(path: string): boolean {
    return this.originOf(path) === undefined;
  }
}

/** The kernel writes no other paths; they come from it, but are read like anything else. */
function isSound(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
