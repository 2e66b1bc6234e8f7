import type { Overlay } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { withEveryAncestor } from '../node/ancestors.js';
import type { TreeEntry } from '../node/find-records.js';
import { askLayers, isAsked, type LayersAnswer } from './ask-layers.js';
import { type DiffProblem, problemOfMany } from './diff-problem.js';
import { ImageView } from './image-view.js';
import type { LayeredAnswer } from './layered-answer.js';
import type { Lineage } from './lineage.js';

/** What renamed directories brought along from the image. */
export interface Renamed {
  /** What the image has, by its own names. */
  readonly sources: Pick<ImageView, 'at'>;
  /** What stands below them and is not in the upper directory, as the merged mount shows it. */
  readonly brought: readonly TreeEntry[];
  /** Raw `security.capability` of those, by path. */
  readonly capabilities: ReadonlyMap<string, Buffer>;
  readonly problems: readonly DiffProblem[];
}

/** Directories that are named one by one; a suspect can rename any number. */
const mostNamed = 20;

const nothing: Renamed = { sources: new ImageView(''), brought: [], capabilities: new Map(), problems: [] };

/**
 * Reads what renamed directories and files brought along: what they were, from the layers, and what lies below them now, from the node's own
 * merged mount. Where that is no longer mounted (an ended container), each such directory is a problem.
 */
export async function readRenamed(
  session: NodeSession,
  overlay: Overlay,
  upper: LayeredAnswer,
  lineage: Lineage,
  most: number,
  signal: AbortSignal,
): Promise<Renamed> {
  if (lineage.isPlain) return nothing;
  const origins = upper.entries.flatMap(({ path }) => lineage.renamedFrom(path.toString('latin1')) ?? []);
  const names = withEveryAncestor(origins);
  const { answer } = await askLayers(session, overlay, { question: 'image', tree: '/', names, most: names.length }, signal);
  const directories = topmostRenamed(upper);
  const below = await readBelow(session, overlay, directories, most, signal);
  const standing = new Set(upper.entries.map(({ path }) => path.toString('latin1')));
  return {
    sources: answer.image,
    brought: below?.answer.entries.filter(({ path }) => !standing.has(path.toString('latin1'))) ?? [],
    capabilities: below?.answer.marks.capabilities ?? new Map<string, Buffer>(),
    problems: problemsOf(directories, below),
  };
}

/** Renamed directories that do not lie in another one: the walk of that finds them. */
function topmostRenamed({ entries, marks }: LayeredAnswer): Buffer[] {
  const topmost: Buffer[] = [];
  let last: string | undefined;
  for (const { path, type } of entries) {
    const key = path.toString('latin1');
    if (type !== 'directory' || !marks.redirects.has(key) || (last !== undefined && key.startsWith(`${last}/`))) continue;
    last = key;
    topmost.push(path);
  }
  return topmost;
}

async function readBelow(
  session: NodeSession,
  overlay: Overlay,
  directories: readonly Buffer[],
  most: number,
  signal: AbortSignal,
): Promise<LayersAnswer | undefined> {
  if (overlay.merged === undefined || directories.length === 0) return undefined;
  return askLayers(session, overlay, { question: 'below', tree: overlay.merged, names: directories, most }, signal);
}

function problemsOf(directories: readonly Buffer[], below: LayersAnswer | undefined): DiffProblem[] {
  const reason = 'redirected-directory';
  const lost = below === undefined ? directories : directories.filter((path) => !isAsked(path));
  const detail = 'the directory was renamed; what it brought along from the image is not listed';
  const each = lost.slice(0, mostNamed).map((path) => ({ path, reason, detail }));
  const problems: DiffProblem[] = [...each, ...problemOfMany(lost.slice(mostNamed), reason, detail)];
  if (below?.answer.full === true) problems.push({ reason: 'changes', detail: 'renamed directories brought along more entries than are listed' });
  if (below !== undefined && below.complaint !== '') problems.push({ reason, detail: below.complaint });
  return problems;
}
