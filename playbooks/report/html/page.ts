import type { Report } from '../model.js';
import { changePart } from './changes.js';
import { custodyPart } from './custody.js';
import { filePart, mountPart } from './files.js';
import { findingPart } from './findings.js';
import { lookPart, missingPart } from './first-look.js';
import { lookupPart } from './lookups.js';
import type { Part } from './part.js';
import { processPart } from './processes.js';
import { type Html, html } from './safe-html.js';
import { stepPart } from './steps.js';
import { policy, style } from './style.js';
import { timelinePart } from './timeline.js';
import { topOf } from './top.js';

/**
 * The report as one HTML file for people: it needs no other file, no network and no script, and says so to the browser (CSP). Nothing that the
 * suspect wrote can be markup in it. Same report, same bytes.
 */
export function reportHtml(report: Report): string {
  const parts = [
    lookPart(report),
    missingPart(report),
    findingPart(report),
    timelinePart(report),
    changePart(report),
    processPart(report),
    filePart(report),
    mountPart(report),
    lookupPart(report),
    stepPart(report),
    custodyPart(report),
  ];
  // The style is ours, and the one text that is not escaped: a browser reads it as it stands.
  return `<!DOCTYPE html>\n${headOf(report).toString()}<style>${style}</style>\n${bodyOf(report, parts).toString()}\n`;
}

function headOf({ verdict, run }: Report): Html {
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${verdict.level}: pod ${run.target.namespace}/${run.target.pod}, podtriage report</title>
`;
}

function bodyOf(report: Report, parts: readonly Part[]): Html {
  const { version, run } = report;
  return html`</head>
<body>
<a class="skip" href="#first">Skip to what to look at first</a>
${topOf(report, parts)}
<main>
${parts.map(section)}
</main>
<footer><p>Version ${version} of the report of run ${run.id}, written at ${run.writtenAt}. Its JSON form is for machines and holds what is cut here.</p></footer>
</body>
</html>`;
}

function section({ id, title, count, body }: Part): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}${count === undefined ? '' : ` (${count})`}</h2>
${body}
</section>
`;
}
