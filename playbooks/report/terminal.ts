import { withoutLookupGaps } from '../domain/lookup-notes.js';
import { safeText } from '../domain/short-text.js';
import type { Finding, VerdictLevel } from '../domain/verdict.js';
import { changeLines } from './change-text.js';
import type { Report } from './model.js';
import { openStatuses, openTexts } from './open-lookups.js';
import { processLines } from './process-text.js';

/** How to paint text; the plain terminal paints nothing. Fits picocolors. */
export interface Paint {
  bold(this: void, text: string): string;
  dim(this: void, text: string): string;
  red(this: void, text: string): string;
  yellow(this: void, text: string): string;
  cyan(this: void, text: string): string;
}

const same = (text: string): string => text;
/** Paints nothing. */
const plainPaint: Paint = { bold: same, dim: same, red: same, yellow: same, cyan: same };

const maxFindings = 15;
const maxMissing = 10;

/** The report for a terminal, one line each. Whatever the suspect wrote, no line holds a control character but those of `paint`. */
export function terminalReport(report: Report, paint: Paint = plainPaint): string[] {
  const groups = [
    head(report, paint),
    looks(report, paint),
    findings(report, paint),
    processes(report, paint),
    changes(report, paint),
    counts(report, paint),
    missing(report, paint),
    foot(report, paint),
  ];
  return groups.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function show(text: string, max = 200): string {
  return safeText(text, max);
}

function colourOf(level: VerdictLevel | Finding['level'], paint: Paint): (text: string) => string {
  if (level === 'malicious') return paint.red;
  return level === 'suspicious' || level === 'inconclusive' ? paint.yellow : paint.cyan;
}

function head({ run, verdict, summary }: Report, paint: Paint): string[] {
  const pod = show(`${run.target.namespace}/${run.target.pod}`, 320);
  const node = run.node === undefined ? '' : ` on node ${show(run.node.name)}`;
  const [what, next, lacking] = summary.map((sentence) => show(sentence, 600));
  return [
    `${paint.bold(colourOf(verdict.level, paint)(verdict.level.toUpperCase()))}  ${paint.bold(`pod ${pod}`)}${paint.dim(`${node}, run ${show(run.id)}`)}`,
    what ?? '',
    next ?? '',
    lacking ?? '',
  ];
}

function looks({ lookAtFirst }: Report, paint: Paint): string[] {
  if (lookAtFirst.length === 0) return [];
  const rows = lookAtFirst.flatMap(({ rank, where, container, level, why, sha256, contentText, packageText }) => [
    `${String(rank).padStart(3)}  ${colourOf(level, paint)(show(where))}${container === undefined ? '' : paint.dim(`  in ${show(container, 83)}`)}`,
    `     ${show(why.join(', '))}${sha256 === undefined ? '' : paint.dim(`  sha256 ${show(sha256, 64)}`)}`,
    ...[contentText, packageText].flatMap((text) => (text === undefined ? [] : [`     ${show(text)}`])),
  ]);
  return [paint.bold('Look at these first'), ...rows];
}

function findings({ findings: list, verdict }: Report, paint: Paint): string[] {
  if (list.length === 0) return [];
  const rows = list.slice(0, maxFindings).map((finding) => {
    const level = colourOf(finding.level, paint)(finding.level.padEnd(10));
    return `  ${String(finding.weight).padStart(3)}  ${level}  ${show(finding.title, 60)}: ${show(finding.evidence)}`;
  });
  const more = verdict.findingCount - Math.min(list.length, maxFindings);
  const techniques = verdict.techniques.length === 0 ? [] : [`  ATT&CK, as a suggestion: ${show(verdict.techniques.join(', '), 400)}`];
  return [paint.bold(`Findings (${verdict.findingCount})`), ...rows, ...(more > 0 ? [paint.dim(`  and ${more} more`)] : []), ...techniques];
}

function processes(report: Report, paint: Paint): string[] {
  const rows = processLines(report);
  return rows.length === 0 ? [] : [paint.bold(`Processes (${report.processes.total})`), ...rows];
}

function changes(report: Report, paint: Paint): string[] {
  const rows = changeLines(report);
  return rows.length === 0 ? [] : [paint.bold(`Changed paths (${report.changes.total})`), ...rows];
}

function counts({ counts: { changes, files, processes: running, lookups } }: Report, paint: Paint): string[] {
  const statuses = Object.entries(lookups).map(([status, count]) => `${count} ${show(status, 40)}`);
  return [
    paint.bold('Counts'),
    `  changed paths   ${changes.total}: ${changes.added} added, ${changes.changed} changed, ${changes.deleted} deleted, ${changes.present} present in volumes`,
    `  acquired files  ${files.total}, ${files.bytes} bytes${files.left === 0 ? '' : `, ${files.left} of them hashed and left on the node`}`,
    `  processes       ${running.total}: ${running.fileless} with a program that is on no file system any more`,
    `  lookups         ${statuses.length === 0 ? 'none' : statuses.join(', ')}`,
  ];
}

function missing({ gaps, limits, blindSpots, steps, lookups }: Report, paint: Paint): string[] {
  const rows = [
    ...steps
      .filter(({ status, reason }) => status !== 'succeeded' && reason !== 'not-applicable')
      .map(({ name, status, reason, error }) => {
        const why = error === undefined ? (reason ?? '') : `${error.code}: ${error.message}`;
        return `step ${name}: ${status}${why === '' ? '' : `, ${why}`}`;
      }),
    ...blindSpots.map((mount) => `${mount}: writable, in no diff, its files not taken`),
    ...openStatuses.flatMap((status) => openTexts(lookups, status)),
    ...withoutLookupGaps(gaps).map(({ subject, reason, detail }) => `${subject}: ${reason}${detail === undefined ? '' : `, ${detail}`}`),
    ...withoutLookupGaps(limits).map(({ subject, reason, detail }) => `left out: ${subject}: ${reason}${detail === undefined ? '' : `, ${detail}`}`),
  ];
  if (rows.length === 0) return [];
  const more = rows.length > maxMissing ? [paint.dim(`  and ${rows.length - maxMissing} more; see the report`)] : [];
  return [paint.bold('What could not be had'), ...rows.slice(0, maxMissing).map((row) => `  ${show(row, 300)}`), ...more];
}

function foot({ custody, completeness, run, version }: Report, paint: Paint): string[] {
  return [
    paint.dim(`evidence ${completeness}; custody ${custody.entries} entries, head ${show(custody.head, 64)}; report ${version} of ${run.writtenAt}`),
  ];
}
