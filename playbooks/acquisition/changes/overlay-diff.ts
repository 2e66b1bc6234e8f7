import type { NodeContainer, Overlay } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { askLayers, isAsked, type LayersAnswer } from './ask-layers.js';
import { type DiffProblem, problemOfMany } from './diff-problem.js';
import { broughtDifferences, type Difference, hiddenDifferences, upperDifferences } from './differences.js';
import { hiddenPaths } from './hidden-paths.js';
import type { ImageView } from './image-view.js';
import { Lineage } from './lineage.js';
import { forgetRacedMarks } from './raced-marks.js';
import { readRenamed } from './renamed-directories.js';
import { maxAskedBytes } from './safe-layers.js';

export interface OverlayDiff {
  readonly differences: readonly Difference[];
  /** False when there are more entries than were asked for. */
  readonly complete: boolean;
  readonly problems: readonly DiffProblem[];
}

/** The longest path that is listed: what holds rows has no room for more. */
const maxListedBytes = 60_000;

/**
 * Lists what differs from the image, decided against the lower layers: not by times, and without mounting the overlay again.
 * @param most entries to list at most, of the upper directory and of what it hides
 */
export async function overlayDiff(
  session: NodeSession,
  { overlay, idMaps }: { readonly overlay: Overlay; readonly idMaps?: NodeContainer['idMaps'] },
  most: number,
  signal: AbortSignal,
): Promise<OverlayDiff> {
  const upper = await readUpper(session, overlay, most, signal);
  const raced = await forgetRacedMarks(session, overlay.upper, upper, most, signal);
  const lineage = new Lineage(upper.answer.marks);
  const renamed = await readRenamed(session, overlay, upper.answer, lineage, most, signal);
  const hidden = await hiddenPaths(session, overlay, hidingDirectories(upper), most, signal);
  const parts = { upper, lineage, renamed, hidden, idMaps };
  const all = [...upperDifferences(parts), ...broughtDifferences(parts), ...hiddenDifferences(parts)];
  const tooLong = all.filter(({ path }) => path.length > maxListedBytes).map(({ path }) => path.subarray(0, maxAskedBytes));
  return {
    differences: tooLong.length === 0 ? all : all.filter(({ path }) => path.length <= maxListedBytes),
    complete: !upper.answer.full && hidden.complete,
    problems: [
      ...raced,
      ...upperProblems(upper),
      ...renamed.problems,
      ...hidden.problems,
      ...problemOfMany(tooLong, 'path-too-long', `the path that begins so has more than ${maxListedBytes} bytes and is not listed`),
    ],
  };
}

/** A tree with more entries than are wanted is asked about again by the names of those that came: the walk was ended before the layers were read. */
async function readUpper(session: NodeSession, overlay: Overlay, most: number, signal: AbortSignal): Promise<LayersAnswer> {
  const walked = await askLayers(session, overlay, { question: 'walk', tree: overlay.upper, most }, signal);
  if (!walked.answer.full) return walked;
  const names = walked.answer.entries.map(({ path }) => path);
  const again = await askLayers(session, overlay, { question: 'names', tree: overlay.upper, names, most }, signal);
  for (const entry of walked.answer.entries) again.answer.entries.push(entry);
  again.answer.full = true;
  return again;
}

/** Directories of the image that are no longer seen through to. */
function hidingDirectories({ answer: { entries, marks, image } }: LayersAnswer): string[] {
  return entries.flatMap(({ path, type }) => {
    const key = path.toString('latin1');
    const hides = type !== 'directory' || marks.opaque.has(key) || marks.redirects.has(key);
    return hides && image.at(key)?.type === 'directory' ? [key] : [];
  });
}

function upperProblems({ answer, complaint }: LayersAnswer): DiffProblem[] {
  const long = answer.entries.map(({ path }) => path).filter((path) => !isAsked(path) && mayBeInImage(path, answer.image));
  const unread = [...answer.uncopied].map((path) => Buffer.from(path, 'latin1'));
  const renamedLayers = answer.image.redirected.map((path) => Buffer.from(path, 'latin1'));
  return [
    ...(answer.walkStatus === 0 ? [] : [{ reason: 'changes', detail: `find ended with status ${answer.walkStatus}: ${complaint}` }]),
    ...(answer.walkStatus !== 0 || complaint === '' ? [] : [{ reason: 'layers', detail: complaint }]),
    ...problemOfMany(long, 'path-too-long', 'the path is too long to be looked up in the image; it is listed as added'),
    ...problemOfMany(unread, 'attributes', 'the extended attributes of the file could not be read'),
    ...problemOfMany(renamedLayers, 'redirected-directory', 'a layer of the image renamed the directory; it is not known what it had there'),
  ];
}

/** Whether the deepest directory above a path that could be asked about is one of the image: then the image can have the path, too. */
function mayBeInImage(path: Buffer, image: Pick<ImageView, 'at'>): boolean {
  const reach = path.subarray(0, maxAskedBytes - './'.length);
  return image.at(reach.subarray(0, reach.lastIndexOf(0x2f)).toString('latin1'))?.type === 'directory';
}
