import { batchTargetStates } from '../../playbooks/domain/batch.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { FleetReport, FleetRow } from '../../playbooks/fleet/report.js';
import type { Batch } from '../batch-types.js';
import { table } from './table.js';
import { clockText, untilText } from './time-text.js';

/** How many of how many pods are done with; undefined while they are not known. */
export function doneOf({ counts }: Batch): { readonly done: number; readonly all: number } | undefined {
  if (counts === undefined) return undefined;
  const { completed, failed, cancelled, gone, pending, running } = counts;
  const done = completed + failed + cancelled + gone;
  return { done, all: done + pending + running };
}

/** Where the pods of a batch stand, in one line. */
export function countsText({ counts }: Batch): string {
  if (counts === undefined) return 'pods are not known yet';
  return batchTargetStates.flatMap((state) => (counts[state] > 0 ? [`${counts[state]} ${state}`] : [])).join(', ') || 'no pod fits';
}

/** When it will be done, where that can be said. */
export function etaText({ eta }: Batch, now: number): string | undefined {
  return eta === undefined ? undefined : `done in ${untilText(eta, now)} (${clockText(eta, now)})`;
}

/** What a dry run says. */
export function planText({ plan }: Batch, now: number): string {
  if (plan === undefined) return '';
  const { pods, nodes, estimatedSeconds, lookups } = plan;
  const time = estimatedSeconds === undefined ? 'not known: no run of this playbook has ended yet' : `about ${Math.ceil(estimatedSeconds / 60)} min`;
  const answers = lookups.eta === undefined ? '' : `, the last answer by ${clockText(lookups.eta, now)}`;
  const rows = [
    ['pods', String(pods)],
    ['nodes', String(nodes)],
    ['time', time],
    ['lookups', `at most ${lookups.most} requests; ${lookups.leftToday} are left today${answers}`],
  ];
  return table(rows);
}

/** So many rows of a report are shown; the rest is in the report. */
const shownRows = 15;

/** The outliers of a fleet report, and what could not be looked at, for a terminal. */
export function fleetText(report: FleetReport): string {
  const outliers = report.artifacts.filter(({ rarity }) => rarity === 'outlier');
  const bad = report.artifacts.filter(({ rarity, level }) => rarity !== 'outlier' && (level === 'malicious' || level === 'suspicious'));
  return [
    section('outliers: files that only few replicas have', outliers, report),
    section('malicious or suspicious in most replicas, or where there is only one', bad, report),
    unknownText(report),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function section(title: string, rows: readonly FleetRow[], report: FleetReport): string {
  if (rows.length === 0) return '';
  const shown = rows.slice(0, shownRows).map((row) => rowOf(row, report));
  const more = rows.length > shown.length ? `  and ${rows.length - shown.length} more; podtriage batch report has them\n` : '';
  return `${title}\n${table([['LEVEL', 'FOUND', 'OWNER', 'PATH', 'SHA256', 'PODS'], ...shown])}${more}`;
}

function rowOf(row: FleetRow, { groups, pods }: FleetReport): string[] {
  const group = groups[row.group];
  const owner = group?.owner === undefined ? (group?.images[0] ?? '') : `${group.owner.kind}/${group.owner.name}`;
  const names = row.pods.slice(0, 3).map((number) => pods.find((pod) => pod.number === number)?.pod ?? String(number));
  const more = row.found > names.length ? ` and ${row.found - names.length} more` : '';
  const place = row.place === 'rootfs' ? '/' : `${row.place}:/`;
  const cells = [row.level, `${row.found}/${group?.examined ?? 0}`, `${group?.namespace ?? ''}/${owner}`];
  // Names in a report are safe to show; those of the cluster are made so.
  return [...cells.map(displayText), `${displayText(place)}${row.path.text}`, row.sha256.slice(0, 12), displayText(`${names.join(', ')}${more}`)];
}

function unknownText({ unknown, pods, left }: FleetReport): string {
  const rest = left === 0 ? '' : `${left} rows are left out of the report\n`;
  if (unknown.length === 0) return rest;
  const byNumber = new Map(pods.map((pod) => [pod.number, pod]));
  const rows = unknown.slice(0, shownRows).map(({ number, what, reason }) => {
    const pod = byNumber.get(number);
    return [what, `${pod?.namespace ?? ''}/${pod?.pod ?? String(number)}`, reason, pod?.run ?? '-'].map(displayText);
  });
  const more = unknown.length > rows.length ? `  and ${unknown.length - rows.length} more\n` : '';
  return `not looked at, or not at all of it: unknown is not clean\n${table([['WHAT', 'POD', 'WHY', 'RUN'], ...rows])}${more}${rest}`;
}
