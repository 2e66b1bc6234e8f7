import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import type { Lookup } from '../domain/lookup.js';
import { containerText, lookupWords, pathText } from '../judgement/evidence.js';
import { code, prose } from './markdown-text.js';
import type { Report } from './model.js';
import type { MountRow } from './mounts.js';
import { processSection } from './process-text.js';

/** Rows of a long list that the Markdown shows; the JSON report and the listings hold the rest. */
const maxRows = 200;

/** The report for people, as GitHub-flavoured Markdown. Names of the suspect cannot break out of their place. Same report, same bytes. */
export function reportMarkdown(report: Report): string {
  const sections = [
    head(report),
    looks(report),
    missing(report),
    findings(report),
    counts(report),
    section('Lookups', 'A hash that is unknown was never seen by the source. That says nothing good about it.', report.lookups.map(lookupRow)),
    processSection(report),
    section(`Changed paths`, listingNote(report.changes), report.changes.rows.map(changeRow)),
    section('Acquired files', listingNote(report.artifacts), report.artifacts.rows.filter(({ kind }) => kind === 'file').map(artifactRow)),
    section('Mounts', '', report.mounts.map(mountRow)),
    steps(report),
    provenance(report),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function head({ run, summary, verdict }: Report): string[] {
  return [
    `# Triage of pod ${code(`${run.target.namespace}/${run.target.pod}`)}`,
    '',
    `**${verdict.level.toUpperCase()}.** ${summary.map((sentence) => prose(sentence)).join(' ')}`,
  ];
}

function looks({ lookAtFirst }: Report): string[] {
  if (lookAtFirst.length === 0) return [];
  const rows = lookAtFirst.map(
    ({ rank, where, container, level, why, evidence }) =>
      `${rank}. ${code(where)}${container === undefined ? '' : ` in container ${code(container)}`} (${level}): ${prose(why.join(', '))}; ${prose(evidence)}`,
  );
  return ['## Look at these first', '', ...rows];
}

function missing({ gaps, limits, blindSpots, verdict }: Report): string[] {
  const rows = [
    ...(verdict.doubts ?? []).map((doubt) => `- ${prose(doubt)}`),
    ...blindSpots.map((mount) => `- ${code(mount)}: writable, in no diff, its files not taken`),
    ...capped(gaps, ({ step, subject, reason, detail }) => `- ${prose(subject, 300)}: ${prose(reason)}${detailOf(detail)} (step ${prose(step)})`),
    ...capped(
      limits,
      ({ step, subject, reason, detail }) => `- left out: ${prose(subject, 300)}: ${prose(reason)}${detailOf(detail)} (step ${prose(step)})`,
    ),
  ];
  return section('What could not be had', '', rows);
}

function detailOf(detail: string | undefined): string {
  return detail === undefined ? '' : `, ${prose(detail, 300)}`;
}

function findings({ findings: list, verdict }: Report): string[] {
  if (list.length === 0) return [];
  const rows = list.map(
    ({ weight, level, title, evidence, techniques }) =>
      `| ${weight} | ${level} | ${prose(title)} | ${prose(evidence)} | ${techniques.map((id) => prose(id)).join(', ')} |`,
  );
  const more = verdict.findingCount > list.length ? ['', `${verdict.findingCount - list.length} more findings are not shown.`] : [];
  return ['## Findings', '', '| weight | level | rule | evidence | ATT&amp;CK, as a suggestion |', '|---|---|---|---|---|', ...rows, ...more];
}

function counts({ counts: { changes, files, processes, lookups } }: Report): string[] {
  const statuses = Object.entries(lookups).map(([status, count]) => `${count} ${prose(status)}`);
  return [
    '## Counts',
    '',
    `- changed paths: ${changes.total} (${changes.added} added, ${changes.changed} changed, ${changes.deleted} deleted, ${changes.present} present in volumes)`,
    `- acquired files: ${files.total}, ${files.bytes} bytes (${files.known} with bytes that the evidence store had already, ${files.left} hashed and left on the node, ${files.unstable} that changed while read)`,
    `- processes: ${processes.total} (${processes.fileless} with a program that is on no file system any more)`,
    `- lookups: ${statuses.length === 0 ? 'none' : statuses.join(', ')}`,
  ];
}

function section(title: string, note: string, rows: readonly string[]): string[] {
  if (rows.length === 0) return [];
  return [`## ${title}`, '', ...(note === '' ? [] : [note, '']), ...capped(rows, (row) => row)];
}

function capped<T>(rows: readonly T[], show: (row: T) => string): string[] {
  const more = rows.length > maxRows ? [`- and ${rows.length - maxRows} more; the JSON report has them`] : [];
  return [...rows.slice(0, maxRows).map(show), ...more];
}

function listingNote({ total, complete, rows, listing }: Report['changes'] | Report['artifacts']): string {
  if (complete) return '';
  return `The first ${rows.length} of ${total}; the whole listing is evidence ${listing === undefined ? 'of this run' : code(listing)}.`;
}

function changeRow(change: Change): string {
  const { kind, type, mode, size, origin, mtime } = change;
  const facts = [
    mode ?? '',
    size === undefined ? '' : `${size} bytes`,
    mtime ?? '',
    origin === 'container' ? '' : `left by ${origin}`,
    ...comparedWithImage(change),
  ].filter((fact) => fact !== '');
  const target = change.target === undefined ? '' : ` to ${code(change.target.text)}`;
  return `- ${kind} ${type} ${code(pathText(change))}${target} in ${code(containerText(change))}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`;
}

function comparedWithImage({ typeBefore, capabilities, metadataOnly, renamedFrom, listedOnly }: Change): string[] {
  return [
    typeBefore === undefined ? '' : `was a ${typeBefore}`,
    capabilities === undefined ? '' : `capabilities ${code(capabilities)}`,
    metadataOnly === true ? 'content as in the image' : '',
    renamedFrom === undefined ? '' : `renamed from ${code(`/${renamedFrom.text}`)}`,
    listedOnly === true ? 'listed, not taken' : '',
  ];
}

function artifactRow({ sha256, size, content, source, left, unstable }: Artifact): string {
  const where = source === undefined ? '' : ` ${code(pathText(source))} in ${code(containerText(source))}`;
  return `- ${code(sha256)}${where}: ${content}, ${size} bytes${left === true ? ', left on the node' : ''}${unstable === true ? ', changed while read' : ''}`;
}

const others = { container: 'this container alone', pod: 'the pod', pods: 'other pods', node: 'the node' } as const;

function mountRow({ container, instance, mountPath, kind, volume, filesystem, readOnly, shared, treatment }: MountRow): string {
  const what = `${kind}${volume === mountPath ? '' : ` ${code(volume)}`}${filesystem === undefined ? '' : ` on ${prose(filesystem)}`}`;
  const where = `${code(mountPath)} in ${code(container)}${instance === undefined ? '' : ` (${instance} instance)`}`;
  return `- ${where}: ${what}, ${readOnly ? 'read-only' : 'writable'}, of ${others[shared]}; ${treatment}`;
}

function lookupRow(lookup: Lookup): string {
  const link = lookup.link === undefined || !/^https:\/\/[\w./-]+$/.test(lookup.link) ? '' : ` <${lookup.link}>`;
  return `- ${code(lookup.sha256)}: ${prose(lookupWords(lookup))}${link}`;
}

function steps({ steps: list }: Report): string[] {
  const rows = list.map(({ name, status, reason, error, detail }) => {
    const why = [reason, error?.code, error?.message, detail].filter((part) => part !== undefined);
    return `- ${prose(name)}: ${status}${why.length === 0 ? '' : `, ${prose(why.join(': '))}`}`;
  });
  return section('Steps', '', rows);
}

function provenance({ run, custody, version, completeness }: Report): string[] {
  const { target, node, playbook } = run;
  return [
    '## Where this comes from',
    '',
    `- run ${code(run.id)}, report version ${version}, evidence ${completeness}`,
    `- cluster ${code(target.cluster)}, pod uid ${code(target.uid ?? 'unknown')}${node === undefined ? '' : `, node ${code(node.name)} (${code(node.address)})`}`,
    `- playbook ${code(playbook.name)}, sha256 ${code(playbook.sha256)}`,
    `- asked for by ${code(run.requestedBy)} at ${run.createdAt}${run.caseId === undefined ? '' : `, case ${code(run.caseId)}`}; written at ${run.writtenAt}`,
    ...(run.reason === undefined ? [] : [`- reason: ${prose(run.reason)}`]),
    `- custody: ${custody.entries} entries, head ${code(custody.head)}`,
  ];
}
