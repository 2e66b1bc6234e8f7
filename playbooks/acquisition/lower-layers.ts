import { TriageError } from '../domain/error.js';
import type { NodeSession } from '../ports.js';
import { ancestorsOf } from './ancestors.js';
import { askAboutNames } from './listed-names.js';
import { roomFor, splitNul, withoutDot } from './node-command.js';

/** What stands at a path of one layer. */
export interface LayerEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'whiteout';
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** A layer as far as it was asked about: by path, as latin1 of the raw bytes so that it can be a key. */
export interface Layer {
  readonly entries: ReadonlyMap<string, LayerEntry>;
  /** Directories that hide what the layers below have under the same path. */
  readonly opaque: ReadonlySet<string>;
}

const statFormat = '%f\\t%t\\t%T\\t%u\\t%g\\t%s\\t%n\\0';

/** Asks one directory tree about paths, following nothing. Paths that are not there are not in the answer. */
export async function statPaths(
  session: NodeSession,
  root: string,
  paths: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Map<string, LayerEntry>> {
  if (paths.length === 0) return new Map();
  const tool = ['stat', `--printf=${statFormat}`, '--'];
  const stdout = await askAboutNames(session, 'stat-paths', root, tool, paths, { maxBytes: roomFor(paths, 200) }, signal);
  return parseStat(stdout);
}

/** Parses what stat printed. Throws `transfer-truncated` or `command-failed`. */
export function parseStat(stdout: Buffer): Map<string, LayerEntry> {
  const entries = new Map<string, LayerEntry>();
  for (const record of splitNul(stdout, 'stat')) {
    const match = /^([0-9a-f]+)\t([0-9a-f]+)\t([0-9a-f]+)\t(\d+)\t(\d+)\t(\d+)\t/.exec(record.subarray(0, 200).toString('latin1'));
    if (match === null) throw new TriageError('command-failed', 'stat: a record has not the form that was asked for');
    const [whole, raw = '', major, minor, uid, gid, size] = match;
    const mode = Number.parseInt(raw, 16);
    entries.set(withoutDot(record.subarray(whole.length)).toString('latin1'), {
      type: typeOf(mode, major === '0' && minor === '0'),
      mode: (mode & 0o7777).toString(8).padStart(4, '0'),
      uid: Number(uid),
      gid: Number(gid),
      size: Math.min(Number(size), Number.MAX_SAFE_INTEGER),
    });
  }
  return entries;
}

/** File type bits of st_mode (inode(7)). A character device 0:0 is overlayfs' mark of a deleted path (kernel, overlayfs.rst). */
function typeOf(mode: number, isZeroDevice: boolean): LayerEntry['type'] {
  switch (mode & 0o170000) {
    case 0o040000:
      return 'directory';
    case 0o120000:
      return 'symlink';
    case 0o010000:
      return 'fifo';
    case 0o140000:
      return 'socket';
    case 0o060000:
      return 'block';
    case 0o020000:
      return isZeroDevice ? 'whiteout' : 'char';
    default:
      return 'file';
  }
}

/**
 * What the image has at `path`, by overlayfs' own rules: a whiteout or a non-directory on the way hides all layers below,
 * an opaque directory hides what they have under it.
 * @param layers topmost first
 */
export function resolveInLayers(path: string, layers: readonly Layer[]): LayerEntry | undefined {
  const ways = ancestorsOf(path);
  for (const layer of layers) {
    let hidesBelow = false;
    for (const way of ways) {
      const entry = layer.entries.get(way);
      if (entry === undefined) break;
      if (entry.type !== 'directory') return undefined;
      hidesBelow ||= layer.opaque.has(way);
    }
    const found = layer.entries.get(path);
    if (found !== undefined) return found.type === 'whiteout' ? undefined : found;
    if (hidesBelow) return undefined;
  }
  return undefined;
}
