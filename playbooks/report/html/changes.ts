import { cutText } from '../../domain/short-text.js';
import { containerText, pathText } from '../../judgement/evidence.js';
import { comparedWithImage } from '../change-text.js';
import type { ChangeRow, Report } from '../model.js';
import { noiseTitles } from '../noise.js';
import type { Part } from './part.js';
import { code, type Html, html } from './safe-html.js';
import { table } from './table.js';
import { listNote, small } from './words.js';

const columns = [
  { title: 'Path' },
  { title: 'Change', width: 'w8' },
  { title: 'Mode', width: 'w4' },
  { title: 'Bytes', width: 'w6', number: true },
  { title: 'Written (UTC)', width: 'w13' },
  { title: 'Container', width: 'w8' },
] as const;

/** The changed paths: those that need a look, then those that most containers have, by kind. */
export function changePart({ changes }: Report): Part {
  const own = changes.rows.filter(({ group }) => group === undefined);
  const body = html`${changes.total === 0 ? html`<p>No changed path is listed.</p>` : undefined}${listNote(changes)}
${table('Changed paths that are in no group', columns, own, cells)}${groups(changes)}`;
  return { id: 'changes', title: 'Changed paths', count: changes.total, body };
}

function cells(change: ChangeRow): (Html | string)[] {
  const { kind, type, mode = '', size, mtime = '', origin } = change;
  const notes = [origin === 'container' ? '' : `left by ${origin}`, ...comparedWithImage(change, (text) => cutText(text, 300))].filter(
    (note) => note !== '',
  );
  return [
    html`${code(pathText(change))}${change.target === undefined ? undefined : html` to ${code(change.target.text)}`}${small(...notes)}`,
    `${kind} ${type}`,
    mode,
    size === undefined ? '' : String(size),
    mtime.replace('T', ' ').replace(/Z$/, ''),
    containerText(change),
  ];
}

function groups({ groups: list }: Report['changes']): Html | undefined {
  if (list.length === 0) return undefined;
  const rows = list.map(
    ({ group, count, example, container }) => html`<li>${noiseTitles[group]}: ${count}, such as ${code(example)} in ${code(container)}</li>`,
  );
  return html`<h3>Grouped</h3>
<p>No rule fired on these, and most containers have such paths. The JSON form and the listing have each of them.</p>
<ul class="plain">${rows}</ul>`;
}
