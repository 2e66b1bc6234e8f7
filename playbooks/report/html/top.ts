import type { Report } from '../model.js';
import type { Part } from './part.js';
import { code, type Html, type HtmlValue, html, time } from './safe-html.js';

/** What a tired person reads first: the verdict in three sentences, whose pod it is, and how much there is. */
export function topOf(report: Report, parts: readonly Part[]): Html {
  const { run, verdict, summary } = report;
  const [happened, next, missing] = summary;
  return html`<header>
<p class="kicker">Triage of a suspected pod</p>
<h1>Pod ${code(`${run.target.namespace}/${run.target.pod}`, 400)}</h1>
<div class="verdict ${verdict.level}">
<p class="word">${verdict.level.replace('-', ' ')}</p>
<p class="headline">${happened}</p>
<p>${next}</p>
<p>${missing}</p>
</div>
<nav aria-label="Parts of this report"><ul>${parts.map(
    ({ id, title, count }) => html`<li><a href="#${id}">${title}</a>${count === undefined ? '' : ` ${count}`}</li>`,
  )}</ul></nav>
${factList('facts', factsOf(report))}
${factList('facts counts', countsOf(report))}
</header>`;
}

type Fact = readonly [name: string, value: HtmlValue];

function factList(kind: string, facts: readonly Fact[]): Html {
  return html`<dl class="${kind}">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function factsOf({ run, completeness, version, amended }: Report): Fact[] {
  const { target, node } = run;
  return [
    ...given('Case', run.caseId),
    ...given('Examiner', run.examiner),
    ...given('Organisation', run.organisation),
    ['Cluster', code(target.cluster)],
    ['Node', node === undefined ? 'unknown' : html`${code(node.name)} ${code(node.address)}`],
    ['Pod uid', target.uid === undefined ? 'unknown' : code(target.uid)],
    ['Run', code(run.id)],
    ['Asked for by', html`${run.requestedBy} at ${time(run.createdAt)} UTC`],
    ['Written', html`${time(run.writtenAt)} UTC, version ${version}${amended === undefined ? '' : ', which amends the one before'}`],
    ['Evidence', completeness === 'full' ? 'full: all that was asked for was had' : 'partial: see what could not be had'],
    ...given('Reason', run.reason),
  ];
}

function given(name: string, value: string | undefined): Fact[] {
  return value === undefined ? [] : [[name, value]];
}

function countsOf({ counts, verdict }: Report): Fact[] {
  const { changes, files, processes, lookups } = counts;
  const statuses = Object.entries(lookups).map(([status, count]) => `${count} ${status.replace('-', ' ')}`);
  return [
    ['Findings', String(verdict.findingCount)],
    [
      'Changed paths',
      numbered(changes.total, `${changes.added} added, ${changes.changed} changed, ${changes.deleted} deleted, ${changes.present} in volumes`),
    ],
    [
      'Acquired files',
      numbered(
        files.total,
        `${files.bytes} bytes; ${files.known} known to the store, ${files.left} left on the node, ${files.unstable} changed while read`,
      ),
    ],
    ['Processes', numbered(processes.total, `${processes.fileless} with a program on no file system`)],
    [
      'Lookups',
      numbered(
        Object.values(lookups).reduce((sum, count) => sum + count, 0),
        statuses.join(', '),
      ),
    ],
  ];
}

function numbered(count: number, words: string): Html {
  return html`${count} <small>${words}</small>`;
}
