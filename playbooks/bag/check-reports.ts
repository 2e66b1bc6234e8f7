import type { z } from 'zod';
import type { reportFilesSchema } from '../domain/amendment.js';
import { boardOf } from '../step.js';
import type { ChainFacts } from './chain-facts.js';
import type { SignedRecords } from './check-records.js';
import type { Findings } from './findings.js';
import { type MissingContent, olderReport, payloadFiles } from './layout.js';

type ReportFiles = z.output<typeof reportFilesSchema>;

/** One version of a report, as the signed records have it. */
export interface ReportVersion {
  readonly version: number;
  readonly files: ReportFiles;
  /** Where its forms are in the bag. */
  readonly paths: Readonly<Record<keyof ReportFiles, string>>;
}

const forms = ['json', 'markdown', 'html', 'timeline'] as const;

/** The versions that a run's report has, oldest first: the first by the record of the step that wrote it, later ones by their amendments. */
export function reportVersions({ steps, amendments }: Pick<SignedRecords, 'steps' | 'amendments'>): ReportVersion[] {
  const first = boardOf(steps.map(({ record }) => record.facts)).report;
  const versions = new Map<number, ReportFiles>(first === undefined ? [] : [[first.version, first]]);
  for (const [version, { report }] of amendments) versions.set(version, report);
  const sorted = [...versions].sort(([a], [b]) => a - b);
  const newest = sorted.at(-1)?.[0];
  return sorted.map(([version, files]) => ({ version, files, paths: version === newest ? payloadFiles : olderReport(version) }));
}

/** What the forms of reports are held against. */
export interface ReportFacts {
  readonly facts: ChainFacts;
  /** sha256 by path, as it was found. */
  readonly digests: ReadonlyMap<string, string>;
  readonly missing: ReadonlyMap<string, MissingContent>;
}

/** Checks that every form of every version is there as `report.written` names it, and no other. */
export function checkReports(versions: readonly ReportVersion[], { facts, digests, missing }: ReportFacts, findings: Findings): void {
  const known = new Set<string>();
  for (const { version, files, paths } of versions) {
    const written = facts.reports.findLast((one) => one.version === version && forms.every((form) => one.files[form] === files[form]));
    if (written === undefined) findings.problem('reports', paths.json, `version ${version} has no entry report.written with its digests`);
    for (const form of forms) {
      const path = paths[form];
      known.add(path);
      findings.checked('reports');
      const digest = digests.get(path);
      const entry = written === undefined ? '' : ` (entry ${written.seq}, report.written)`;
      if (digest === undefined) {
        if (!missing.has(files[form])) findings.problem('reports', path, `is missing: version ${version} of the report as ${form}${entry}`);
      } else if (digest !== files[form]) findings.problem('reports', path, `is not what was written as version ${version} of the report${entry}`);
    }
  }
  for (const path of digests.keys())
    if (isReport(path) && !known.has(path)) findings.problem('reports', path, 'is a report that the run has not written');
}

function isReport(path: string): boolean {
  return path.startsWith('data/reports/') || forms.some((form) => payloadFiles[form] === path);
}
