import { withoutLookupGaps } from '../../domain/lookup-notes.js';
import type { Look, Report } from '../model.js';
import { openStatuses, openTexts } from '../open-lookups.js';
import type { Part } from './part.js';
import { code, type Html, type HtmlValue, html } from './safe-html.js';
import { level } from './words.js';

/** What to look at first. */
export function lookPart({ lookAtFirst }: Report): Part {
  const body =
    lookAtFirst.length === 0
      ? html`<p>No rule fired on any path: nothing here says where to begin.</p>`
      : html`<ol class="looks">${lookAtFirst.map(look)}</ol>`;
  return { id: 'first', title: 'Look at these first', count: lookAtFirst.length, body };
}

function look({ where, container, level: grade, why, evidence, sha256, contentText, packageText }: Look): Html {
  // What both say is said once.
  const found = evidence.split('; ').filter((part) => contentText?.includes(part) !== true);
  const known = [contentText, packageText].filter((text) => text !== undefined);
  return html`<li>
<p>${code(where)}${container === undefined ? undefined : html` in container ${code(container)}`} ${level(grade)}</p>
<p>${why.join(', ')}</p>
<p class="muted">${[...found, ...known].join('; ')}</p>
${sha256 === undefined || where === sha256 ? undefined : html`<p class="muted">sha256 ${code(sha256)}</p>`}
</li>
`;
}

const maxRows = 200;

/** What could not be had, what nobody has an answer to, and what policy left out. */
export function missingPart(report: Report): Part {
  const groups = [
    group('Steps that did not succeed', failedSteps(report)),
    group('Doubts about the verdict', report.verdict.doubts ?? []),
    group(
      'Places that nobody looked into',
      report.blindSpots.map((mount) => html`${code(mount)}: writable, in no diff, its files not taken`),
    ),
    group('Could not be had', withoutLookupGaps(report.gaps).map(noteOf)),
    group(
      'Without an answer',
      openStatuses.flatMap((status) => openTexts(report.lookups, status)),
    ),
    group('Left out by policy', withoutLookupGaps(report.limits).map(noteOf)),
  ].filter((part) => part !== undefined);
  const nothing = html`<p>Nothing: all that was asked for was had. What no source knows is unknown, not harmless.</p>`;
  const body = groups.length === 0 ? nothing : html`${groups}`;
  return { id: 'missing', title: 'What could not be had', body };
}

function group(title: string, rows: readonly HtmlValue[]): Html | undefined {
  if (rows.length === 0) return undefined;
  const more = rows.length - maxRows;
  return html`<h3>${title} (${rows.length})</h3>
<ul class="plain">${rows.slice(0, maxRows).map((row) => html`<li>${row}</li>`)}${more > 0 ? html`<li>and ${more} more, in the JSON form</li>` : undefined}</ul>
`;
}

function failedSteps({ steps }: Report): Html[] {
  return steps
    .filter(({ status, reason }) => status !== 'succeeded' && reason !== 'not-applicable')
    .map(({ name, status, reason, error }) => {
      const why = error === undefined ? reason : `${error.code}: ${error.message}`;
      return html`${name}: ${status}${why === undefined ? '' : `, ${why}`}`;
    });
}

function noteOf({ step, subject, reason, detail }: Report['gaps'][number] | Report['limits'][number]): Html {
  return html`${code(subject)}: ${reason}${detail === undefined ? '' : `, ${detail}`} <span class="muted">(step ${step})</span>`;
}
