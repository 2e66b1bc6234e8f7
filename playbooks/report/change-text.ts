import type { Change } from '../domain/change.js';
import { safeText } from '../domain/short-text.js';
import { containerText, pathText } from '../judgement/evidence.js';
import { code } from './markdown-text.js';
import type { Report } from './model.js';
import { noiseTitles } from './noise.js';
import { capped, listingNote } from './sections.js';

/** Changed paths that a terminal shows. */
const maxLines = 15;

/** The changed paths as Markdown: those that need a look, then those that every container has, a row for each kind of them. */
export function changeMarkdown({ changes }: Pick<Report, 'changes'>): string[] {
  const own = changes.rows.filter(({ group }) => group === undefined);
  const groups = changes.groups.map(
    ({ group, count, example, container }) => `- ${noiseTitles[group]}: ${count}, such as ${code(example)} in ${code(container)}`,
  );
  if (own.length === 0 && groups.length === 0) return [];
  const note = listingNote(changes);
  return ['## Changed paths', '', ...(note === '' ? [] : [note, '']), ...capped(own, changeRow), ...groupMarkdown(changes, own.length > 0, groups)];
}

function groupMarkdown({ listing }: Report['changes'], after: boolean, groups: readonly string[]): string[] {
  if (groups.length === 0) return [];
  const where = listing === undefined ? 'the JSON report has each of them' : `the whole listing is evidence ${code(listing)}`;
  return [...(after ? [''] : []), `Grouped, as no rule fired on them and most containers have such paths; ${where}:`, '', ...groups];
}

/** The same for a terminal, the first few, without colours and without control characters. */
export function changeLines({ changes }: Pick<Report, 'changes'>): string[] {
  const own = changes.rows.filter(({ group }) => group === undefined);
  const shown = own
    .slice(0, maxLines)
    .map((change) => `  ${change.kind.padEnd(7)}  ${safeText(`${pathText(change)}  in ${containerText(change)}`, 200)}`);
  const grouped = changes.groups.reduce((sum, { count }) => sum + count, 0);
  const more = changes.total - grouped - shown.length;
  const groups = changes.groups.map(
    ({ group, count, example }) => `  ${String(count).padStart(7)}  ${noiseTitles[group]}, such as ${safeText(example, 120)}`,
  );
  return [...shown, ...(more > 0 ? [`  and ${more} more; see the report`] : []), ...groups];
}

function changeRow(change: Change): string {
  const { kind, type, mode, size, origin, mtime } = change;
  const facts = [
    mode ?? '',
    size === undefined ? '' : `${size} bytes`,
    mtime ?? '',
    origin === 'container' ? '' : `left by ${origin}`,
    ...comparedWithImage(change, code),
  ].filter((fact) => fact !== '');
  const target = change.target === undefined ? '' : ` to ${code(change.target.text)}`;
  return `- ${kind} ${type} ${code(pathText(change))}${target} in ${code(containerText(change))}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`;
}

/** What sets a path apart from what the image has there, in words; the names in them as `show` has them. */
export function comparedWithImage(
  { typeBefore, capabilities, metadataOnly, renamedFrom, listedOnly }: Change,
  show: (text: string) => string,
): string[] {
  return [
    typeBefore === undefined ? '' : `was a ${typeBefore}`,
    capabilities === undefined ? '' : `capabilities ${show(capabilities)}`,
    metadataOnly === true ? 'content as in the image' : '',
    renamedFrom === undefined ? '' : `renamed from ${show(`/${renamedFrom.text}`)}`,
    listedOnly === true ? 'listed, not taken' : '',
  ];
}
