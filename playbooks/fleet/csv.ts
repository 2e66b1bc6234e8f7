import type { FleetReport } from './report.js';

/** The columns of the table of artifacts. */
export const fleetColumns = [
  'rarity',
  'level',
  'namespace',
  'owner',
  'container',
  'place',
  'path',
  'path_base64',
  'sha256',
  'size',
  'found',
  'examined',
  'elsewhere',
  'pods',
] as const;

/** The report's artifacts as CSV (RFC 4180), and after them the pods that say nothing or not all. The names of files are those that are safe to show. */
export function fleetCsv(report: FleetReport): string {
  return `${[fleetColumns, ...artifactRows(report), ...unknownRows(report)].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

function artifactRows({ artifacts, groups, pods }: FleetReport): string[][] {
  const nameOf = new Map(pods.map(({ number, namespace, pod }) => [number, `${namespace}/${pod}`]));
  return artifacts.map((row) => {
    const group = groups[row.group];
    const owner = group?.owner === undefined ? (group?.images.join(' ') ?? '') : `${group.owner.kind}/${group.owner.name}`;
    const some = row.pods.map((number) => nameOf.get(number) ?? String(number)).join(' ');
    const where = row.found > row.pods.length ? `${some} and ${row.found - row.pods.length} more` : some;
    const { rarity, level, container, place, path, sha256, size, found, elsewhere } = row;
    const numbers = [size, found, group?.examined ?? 0, elsewhere].map(String);
    return [rarity, level, group?.namespace ?? '', owner, container, place, path.text, path.b64, sha256, ...numbers, where];
  });
}

/** So that who reads the table alone does not take what was not looked at for clean. */
function unknownRows({ unknown, pods, left }: FleetReport): string[][] {
  const byNumber = new Map(pods.map((pod) => [pod.number, pod]));
  const rows = unknown.map(({ number, what, reason }) => {
    const pod = byNumber.get(number);
    return rowOf(what, pod?.namespace ?? '', reason, `${pod?.namespace ?? ''}/${pod?.pod ?? String(number)}`);
  });
  return left === 0 ? rows : [...rows, rowOf('left-out', '', `${left} more rows`, '')];
}

function rowOf(rarity: string, namespace: string, path: string, pods: string): string[] {
  const cells: Partial<Record<(typeof fleetColumns)[number], string>> = { rarity, namespace, path, pods };
  return fleetColumns.map((column) => cells[column] ?? '');
}

/**
 * One cell, always quoted. What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"): also behind
 * blanks, which some strip.
 */
function cell(text: string): string {
  const harmless = /^\s*[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}
