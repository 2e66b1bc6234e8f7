import type { Overlay } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { ancestorsOf, withEveryAncestor } from '../node/ancestors.js';
import { askLayers } from './ask-layers.js';
import type { DiffProblem } from './diff-problem.js';
import type { ImageView } from './image-view.js';

/** What the image has below directories that the upper directory hides. */
export interface HiddenPaths {
  readonly image: Pick<ImageView, 'at'>;
  /** All paths below them. */
  readonly paths: readonly string[];
  /** False when there are more than were asked for. */
  readonly complete: boolean;
  readonly problems: readonly DiffProblem[];
}

/** Lists what the image has below directories that were deleted, replaced, remade or made over by a renamed one. */
export async function hiddenPaths(
  session: NodeSession,
  overlay: Overlay,
  directories: readonly string[],
  most: number,
  signal: AbortSignal,
): Promise<HiddenPaths> {
  if (directories.length === 0) return { image: { at: () => undefined }, paths: [], complete: true, problems: [] };
  const hides = new Set(directories);
  const topmost = directories.filter((path) => !ancestorsOf(path).some((above) => hides.has(above)));
  const names = withEveryAncestor(topmost);
  const below = topmost.map((path) => Buffer.from(path, 'latin1'));
  const asked = { question: 'image', tree: '/', names, below, most: most + names.length } as const;
  const { answer, complaint } = await askLayers(session, overlay, asked, signal);
  const own = new Set(names.map((path) => path.toString('latin1')));
  const problems: DiffProblem[] = complaint === '' ? [] : [{ reason: 'layers', detail: complaint }];
  if (answer.hasLongPaths)
    problems.push({ reason: 'path-too-long', detail: 'the image has paths below deleted directories that are too long to be asked about' });
  return { image: answer.image, paths: [...answer.image.paths()].filter((path) => !own.has(path)), complete: !answer.full, problems };
}
