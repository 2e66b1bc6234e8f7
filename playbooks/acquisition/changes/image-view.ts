import { parentOf } from '../node/ancestors.js';
import type { LayerEntry } from './layer-entry.js';
import { OverlayMarks } from './overlay-marks.js';

/**
 * What the image has at the paths that were asked about, by overlayfs' own rules: a whiteout or a non-directory hides what the layers below
 * have there and under it, an opaque directory what they have under it. It is told of one layer after the other, the topmost first, in each
 * of the marks first and of directories before what is in them; so it holds one entry a path, however many layers there are.
 * Paths are latin1 of their raw bytes.
 */
export class ImageView {
  private readonly found = new Map<string, LayerEntry>();
  /** Deleted by a layer before any had it. */
  private readonly gone = new Set<string>();
  /** Below these no further layer counts. */
  private readonly closed = new Set<string>();
  /** Directories of the layer at hand that are seen through to. */
  private readonly open = new Set<string>();
  /** How many paths had been found when each layer ended; before the first one, none. */
  private readonly foundBefore: number[] = [];
  private marks: OverlayMarks;
  /** Directories of layers that were renamed: what is below them in further layers is not known. */
  readonly redirected: string[] = [];

  constructor(private readonly prefix: string) {
    this.marks = new OverlayMarks(prefix);
  }

  /** Ends the layer at hand and returns the marks of the next one, to be filled. */
  nextLayer(): OverlayMarks {
    for (const path of this.marks.opaque) if (this.open.has(path)) this.closed.add(path);
    for (const path of this.marks.redirects.keys()) if (this.open.has(path)) this.redirected.push(path);
    this.open.clear();
    this.foundBefore.push(this.found.size);
    this.marks = new OverlayMarks(this.prefix);
    return this.marks;
  }

  /** Takes what the layer at hand has at a path. What lies below a symlink or another non-directory is not the layer's, whatever stat found there. */
  take(path: string, entry: LayerEntry): void {
    const parent = parentOf(path);
    if (parent !== '' && !this.open.has(parent)) return;
    const isWhiteout = entry.type === 'whiteout' || (entry.type === 'file' && entry.size === 0 && this.marks.whiteouts.has(path));
    if (!this.found.has(path) && !this.gone.has(path)) {
      if (isWhiteout) this.gone.add(path);
      else this.found.set(path, this.withCapability(path, entry));
    }
    if (entry.type !== 'directory') this.closed.add(path);
    else if (!this.closed.has(path)) this.open.add(path);
  }

  private withCapability(path: string, entry: LayerEntry): LayerEntry {
    const capability = this.marks.capabilities.get(path);
    return capability === undefined ? entry : { ...entry, capability };
  }

  /** Undefined where the image has nothing, as far as was asked. */
  at(path: string): LayerEntry | undefined {
    return this.found.get(path);
  }

  /** All that the image has, in no order. */
  paths(): IterableIterator<string> {
    return this.found.keys();
  }

  /** All that the image has, the topmost layers first, with the layer that has it: the topmost one is 1. */
  *withLayers(): Generator<{ readonly path: string; readonly entry: LayerEntry; readonly layer: number }> {
    let [layer, index] = [0, 0];
    for (const [path, entry] of this.found) {
      while ((this.foundBefore[layer] ?? Number.POSITIVE_INFINITY) <= index) layer += 1;
      yield { path, entry, layer };
      index += 1;
    }
  }

  /** How many paths the image has, as far as it has been told. */
  get size(): number {
    return this.found.size;
  }
}
