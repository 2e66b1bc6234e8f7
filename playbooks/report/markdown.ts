import { withoutLookupGaps } from '../domain/lookup-notes.js';
import { containerText, pathText } from '../judgement/evidence.js';
import { changeMarkdown } from './change-text.js';
import { lookupSection } from './lookup-section.js';
import { code, prose } from './markdown-text.js';
import type { ArtifactRow, Look, Report } from './model.js';
import type { MountRow } from './mounts.js';
import { processSection } from './process-text.js';
import { capped, listingNote, section } from './sections.js';
import { timelineSection } from './timeline-section.js';

/** The report for people, as GitHub-flavoured Markdown. Names of the suspect cannot break out of their place. Same report, same bytes. */
export function reportMarkdown(report: Report): string {
  const sections = [
    head(report),
    looks(report),
    missing(report),
    findings(report),
    counts(report),
    timelineSection(report),
    lookupSection(report),
    processSection(report),
    changeMarkdown(report),
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
  return ['## Look at these first', '', ...lookAtFirst.map(lookRow)];
}

function lookRow({ rank, where, container, level, why, evidence, contentText, packageText }: Look): string {
  const place = `${code(where)}${container === undefined ? '' : ` in container ${code(container)}`}`;
  // What both say is said once.
  const found = evidence.split('; ').filter((part) => contentText?.includes(part) !== true);
  return `${rank}. ${place} (${level}): ${prose(why.join(', '))}; ${prose(found.join('; '))}${knownText({ contentText, packageText })}`;
}

function missing({ gaps, limits, blindSpots, verdict }: Report): string[] {
  const rows = [
    ...(verdict.doubts ?? []).map((doubt) => `- ${prose(doubt)}`),
    ...blindSpots.map((mount) => `- ${code(mount)}: writable, in no diff, its files not taken`),
    ...capped(
      withoutLookupGaps(gaps),
      ({ step, subject, reason, detail }) => `- ${prose(subject, 300)}: ${prose(reason)}${detailOf(detail)} (step ${prose(step)})`,
    ),
    ...capped(
      withoutLookupGaps(limits),
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

function artifactRow({ sha256, size, content, source, left, unstable, contentText, packageText }: ArtifactRow): string {
  const where = source === undefined ? '' : ` ${code(pathText(source))} in ${code(containerText(source))}`;
  return `- ${code(sha256)}${where}: ${content}, ${size} bytes${left === true ? ', left on the node' : ''}${unstable === true ? ', changed while read' : ''}${knownText({ contentText, packageText })}`;
}

function knownText({ contentText, packageText }: Pick<ArtifactRow, 'contentText' | 'packageText'>): string {
  return [contentText, packageText].map((text) => (text === undefined ? '' : `; ${prose(text, 400)}`)).join('');
}

const others = { container: 'this container alone', pod: 'the pod', pods: 'other pods', node: 'the node' } as const;

function mountRow({ container, instance, mountPath, kind, volume, filesystem, readOnly, shared, treatment }: MountRow): string {
  const what = `${kind}${volume === mountPath ? '' : ` ${code(volume)}`}${filesystem === undefined ? '' : ` on ${prose(filesystem)}`}`;
  const where = `${code(mountPath)} in ${code(container)}${instance === undefined ? '' : ` (${instance} instance)`}`;
  return `- ${where}: ${what}, ${readOnly ? 'read-only' : 'writable'}, of ${others[shared]}; ${treatment}`;
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
    ...(run.examiner === undefined ? [] : [`- examiner: ${prose(run.examiner)}`]),
    ...(run.organisation === undefined ? [] : [`- organisation: ${prose(run.organisation)}`]),
    ...(run.reason === undefined ? [] : [`- reason: ${prose(run.reason)}`]),
    `- custody: ${custody.entries} entries, head ${code(custody.head)}`,
  ];
}
