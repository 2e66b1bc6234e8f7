import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import type { ContentFacts } from '../domain/content.js';
import type { Lookup } from '../domain/lookup.js';
import type { PackageFile } from '../domain/package.js';
import { isFileless, type Process } from '../domain/process.js';
import type { StepRecord } from '../domain/run.js';
import { safeText, shortText } from '../domain/short-text.js';
import type { Verdict, VerdictLevel } from '../domain/verdict.js';
import type { Board } from '../facts.js';
import type { RunInfo } from '../ports.js';
import { changeSection, classifier, type GroupOf } from './change-rows.js';
import { Known } from './known.js';
import { lookAtFirst } from './look-first.js';
import { type Counts, type Report, type ReportStep, reportSchemaVersion } from './model.js';
import { mountRows } from './mounts.js';
import { byHash, byPath, byPid, byPlace } from './order.js';
import { firstRows } from './rows.js';
import { summaryOf } from './summary.js';
import { Timeline } from './timeline.js';
import type { TimelineRow } from './timeline-row.js';

/** All that a report is made of. */
export interface ReportInput {
  readonly run: RunInfo;
  /** When it is written; ISO 8601. */
  readonly writtenAt: string;
  /** 1 for the first report of a run. */
  readonly version: number;
  /** Of a version that amends the one before: hashes that have an answer since, and what the verdict was. */
  readonly amended?: { readonly answered: number; readonly verdictBefore: VerdictLevel };
  /** What is missing on the board was not had. */
  readonly board: Board;
  /** In the playbook's order, without the step that writes this report. */
  readonly steps: readonly { readonly name: string; readonly record?: StepRecord | undefined }[];
  readonly artifacts: readonly Artifact[];
  readonly lookups: readonly Lookup[];
  /** Read once. */
  readonly changes: Iterable<Change>;
  /** As the listing has them; read once. */
  readonly processes?: Iterable<Process>;
  /** What acquired bytes say of themselves; the listing of fact `content`. */
  readonly content?: Iterable<ContentFacts>;
  /** What package databases say of changed paths; the listing of fact `packages`. */
  readonly packages?: Iterable<PackageFile>;
  /** Mount points, writable for the suspect, that no diff shows and that were not collected. */
  readonly blindSpots: readonly string[];
  /** Our own acts as rows of the timeline, in the order of the chain. */
  readonly acts?: readonly TimelineRow[];
  readonly custody: Report['custody'];
}

/** A report before its timeline is stored. */
export interface Draft {
  readonly input: ReportInput;
  readonly known: Known;
  readonly groupOf: GroupOf;
  /** By path. */
  readonly changes: readonly Change[];
  /** By process id. */
  readonly processes: readonly Process[];
  readonly timeline: Timeline;
}

/** Puts in order what a report is made of. In what order artifacts, answers and rows of listings come does not matter. */
export function draftReport(input: ReportInput): Draft {
  const verdict = input.board.verdict ?? noVerdict;
  const known = new Known(input.content ?? [], input.packages ?? [], input.artifacts);
  const groupOf = classifier({ known, lookups: input.lookups, verdict });
  const changes = byPath(input.changes);
  const processes = byPid(input.processes ?? []);
  const timeline = new Timeline({ changes, processes, acts: input.acts ?? [], findings: verdict.findings, known, groupOf });
  return { input, known, groupOf, changes, processes, timeline };
}

/**
 * Builds the report: same input, same report.
 * @param timelineCsv sha256 of the whole timeline, where it has been stored
 */
export function buildReport({ input, known, groupOf, ...rows }: Draft, timelineCsv?: string): Report {
  const { findings, ...verdict } = input.board.verdict ?? noVerdict;
  const lookups = byHash(input.lookups);
  const { counts: changes, ...changeRows } = changeSection(rows.changes, groupOf);
  let fileless = 0;
  const processRows = firstRows(rows.processes, (process) => {
    if (isFileless(process)) fileless += 1;
  });
  const artifacts = byPlace(input.artifacts).map((artifact) => ({ ...artifact, ...known.texts(artifact.sha256, artifact.source) }));
  const gaps = input.steps.flatMap(({ name, record }) => (record?.gaps ?? []).map((gap) => ({ step: name, ...gap })));
  const limits = input.steps.flatMap(({ name, record }) => (record?.limits ?? []).map((limit) => ({ step: name, ...limit })));
  const steps = input.steps.map(({ name, record }) => stepOf(name, record));
  const report: Omit<Report, 'summary'> = {
    schemaVersion: reportSchemaVersion,
    version: input.version,
    ...(input.amended === undefined ? {} : { amended: { ...input.amended } }),
    run: runOf(input),
    completeness:
      gaps.length === 0 && steps.every(({ status, reason }) => status === 'succeeded' || reason === 'not-applicable') ? 'full' : 'partial',
    verdict,
    findings,
    lookAtFirst: lookAtFirst(findings, known),
    counts: countsOf(input, changes, { total: processRows.total, fileless }),
    blindSpots: input.blindSpots.map((mount) => safeText(mount, 300)),
    mounts: mountRows(input.board.containers ?? []),
    gaps,
    limits,
    changes: { ...changeRows, ...listingOf(input.board.changes?.sha256) },
    processes: { ...processRows, ...listingOf(input.board.processes?.sha256) },
    artifacts: { ...firstRows(artifacts, () => undefined), ...listingOf(input.board.artifacts?.sha256) },
    timeline: { ...rows.timeline.part(), ...listingOf(timelineCsv) },
    listings: listingsOf(input.board),
    lookups,
    steps,
    custody: { ...input.custody },
  };
  return { ...report, summary: summaryOf(report) };
}

const noVerdict: Verdict = {
  level: 'inconclusive',
  headline: 'No verdict could be made: the steps before it did not get far enough.',
  findings: [],
  findingCount: 0,
  techniques: [],
};

function listingOf(sha256: string | undefined): { listing?: string } {
  return sha256 === undefined ? {} : { listing: sha256 };
}

function listingsOf({ content, packages }: Board): Report['listings'] {
  return {
    ...(content === undefined ? {} : { content: content.sha256 }),
    ...(packages === undefined ? {} : { packages: packages.sha256 }),
  };
}

function runOf({ run, writtenAt, board }: ReportInput): Report['run'] {
  const { target, caseId, examiner, organisation, reason } = run.request;
  return {
    id: run.id,
    playbook: { ...run.playbook },
    target: { ...target, ...(board.target === undefined ? {} : { uid: board.target.uid }) },
    ...(board.node === undefined ? {} : { node: { ...board.node } }),
    requestedBy: shortText(run.requestedBy, 200),
    ...(caseId === undefined ? {} : { caseId: shortText(caseId, 800) }),
    ...(examiner === undefined ? {} : { examiner: shortText(examiner, 800) }),
    ...(organisation === undefined ? {} : { organisation: shortText(organisation, 800) }),
    ...(reason === undefined ? {} : { reason: shortText(reason, 4_000) }),
    createdAt: run.createdAt,
    writtenAt,
  };
}

function countsOf({ artifacts, lookups }: ReportInput, changes: Counts['changes'], processes: Counts['processes']): Counts {
  const files = artifacts.filter(({ kind }) => kind === 'file');
  const statuses = lookups.map(({ status }) => status).sort();
  return {
    changes,
    files: {
      total: files.length,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      known: files.filter(({ known }) => known).length,
      left: files.filter(({ left }) => left === true).length,
      unstable: files.filter(({ unstable }) => unstable === true).length,
    },
    processes,
    lookups: Object.fromEntries([...new Set(statuses)].map((status) => [status, statuses.filter((each) => each === status).length])),
  };
}

function stepOf(name: string, record: StepRecord | undefined): ReportStep {
  if (record === undefined) return { name, status: 'not-run' };
  const { status, reason, detail, error, attempt, startedAt, finishedAt } = record;
  return {
    name,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail: safeText(detail, 500) }),
    ...(error === undefined ? {} : { error: { code: error.code, message: safeText(error.message, 1_000) } }),
    attempt,
    startedAt,
    finishedAt,
  };
}
