import type { Artifact } from '../domain/artifact.js';
import { canonical } from '../domain/canonical.js';
import { asTriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import { withoutLookupGaps } from '../domain/lookup-notes.js';
import { runRequestSchema } from '../domain/request.js';
import type { Gap, StepRecord } from '../domain/run.js';
import { type Report, reportSchema } from '../report/model.js';
import { boardOf } from '../step.js';
import type { WalkedChain } from './check-chain.js';
import type { FinishedStep, SignedRecords } from './check-records.js';
import type { ReportVersion } from './check-reports.js';
import type { Findings } from './findings.js';
import type { BagReader } from './reader.js';
import { wholeText } from './text-lines.js';

/** Rows are limited to 8 MiB a list; this leaves room for all of them. */
const maxReportBytes = 128 * 1024 * 1024;

/** Adds up what a report says of files. */
export class FileCounts {
  readonly counts = { total: 0, bytes: 0, known: 0, left: 0, unstable: 0 };

  add({ kind, size, known, left, unstable }: Artifact): void {
    if (kind !== 'file') return;
    this.counts.total += 1;
    this.counts.bytes += size;
    if (known) this.counts.known += 1;
    if (left === true) this.counts.left += 1;
    if (unstable === true) this.counts.unstable += 1;
  }
}

/** What a report is held against. */
export interface RunFacts {
  readonly chain: WalkedChain;
  readonly records: SignedRecords;
  readonly files: FileCounts;
  /** sha256 of the bytes of each artifact, by its id. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** Holds what a version of the report says against the signed records of the run. Nothing is judged again. */
export async function checkFacts(bag: BagReader, { version, paths }: ReportVersion, run: RunFacts, findings: Findings): Promise<void> {
  const path = paths.json;
  try {
    const report = reportSchema.safeParse(parseJson(await wholeText(bag.read(path), maxReportBytes)));
    if (!report.success) throw new Error('is no report of a form that this program knows');
    for (const [what, says, is] of comparisons(report.data, version, run)) {
      findings.checked('facts');
      if (!same(says, is)) findings.problem('facts', path, `says ${what} ${short(says)}; the signed records say ${short(is)}`);
    }
  } catch (error) {
    findings.problem('facts', path, asTriageError(error).message);
  }
}

type Comparison = readonly [what: string, says: unknown, is: unknown];

function* comparisons(report: Report, version: number, run: RunFacts): Generator<Comparison> {
  const { chain, records } = run;
  yield ['version', report.version, version];
  yield* requestOf(report, chain);
  yield ['custody head', report.custody.head, chain.walk.hashAt(report.custody.entries - 1)];
  // The step that writes the report cannot tell of itself.
  const before = records.steps.filter(({ record }) => record.facts['report'] === undefined);
  yield* stepsOf(report, before);
  yield* judgementOf(report, before, records);
  yield* countsOf(report, boardOf(before.map(({ record }) => record.facts)), run.files);
  for (const { id, sha256 } of report.artifacts.rows) yield [`sha256 of artifact ${id}`, sha256, run.hashes.get(id)];
}

function* requestOf(report: Report, { facts, run }: WalkedChain): Generator<Comparison> {
  const { first } = facts;
  yield ['run', report.run.id, run];
  if (first === undefined) return;
  const { data: request } = runRequestSchema.safeParse(first.detail['request']);
  const { cluster, namespace, pod, container } = report.run.target;
  yield ['target', { cluster, namespace, pod, container }, { container: undefined, ...request?.target }];
  yield ['created at', report.run.createdAt, first.detail['createdAt']];
  yield ['playbook', report.run.playbook, first.detail['playbook']];
}

function* stepsOf(report: Report, steps: readonly FinishedStep[]): Generator<Comparison> {
  const ran = report.steps.filter(({ status }) => status !== 'not-run');
  yield ['steps', ran.map(outcomeOf).sort(), steps.map(({ step, record }) => outcomeOf({ name: step, ...record })).sort()];
}

function outcomeOf({ name, status, reason, attempt, startedAt, finishedAt }: Report['steps'][number]): string {
  return [name, status, reason ?? '', attempt ?? 0, startedAt ?? '', finishedAt ?? ''].join(' ');
}

function* judgementOf(report: Report, steps: readonly FinishedStep[], { amendments }: SignedRecords): Generator<Comparison> {
  const amended = amendments.get(report.version);
  const { verdict } = boardOf(steps.map(({ record }) => record.facts));
  yield ['verdict', report.verdict.level, amended?.verdict ?? verdict?.level ?? 'inconclusive'];
  if (amended === undefined && verdict !== undefined) yield ['findings', report.findings, verdict.findings];
  // Answers that came late take away the gaps that counted them.
  const of = amended === undefined ? <T extends Gap>(rows: readonly T[]): readonly T[] => rows : withoutLookupGaps;
  yield ['gaps', rowsOf(of(report.gaps)), rowsOf(of(steps.flatMap(({ step, record }) => withStep(step, record.gaps))))];
  yield ['limits', rowsOf(of(report.limits)), rowsOf(of(steps.flatMap(({ step, record }) => withStep(step, record.limits))))];
  yield ['completeness', report.completeness, amended?.completeness ?? completenessOf(report, steps)];
}

function completenessOf(report: Report, steps: readonly FinishedStep[]): Report['completeness'] {
  const notRun = report.steps.some(({ status }) => status === 'not-run');
  const short = ({ status, reason, gaps }: StepRecord): boolean => (status !== 'succeeded' && reason !== 'not-applicable') || gaps.length > 0;
  return notRun || steps.some(({ record }) => short(record)) ? 'partial' : 'full';
}

function withStep(step: string, rows: readonly Gap[]): (Gap & { step: string })[] {
  return rows.map((row) => ({ step, ...row }));
}

function rowsOf(rows: readonly Gap[]): string[] {
  return rows.map((row) => canonical(row)).sort();
}

function* countsOf(report: Report, { changes, processes, lookups }: ReturnType<typeof boardOf>, files: FileCounts): Generator<Comparison> {
  yield ['files', report.counts.files, files.counts];
  const { added, changed, deleted, present, count } = { added: 0, changed: 0, deleted: 0, present: 0, count: 0, ...changes };
  yield ['changes', report.counts.changes, { total: count, added, changed, deleted, present }];
  yield ['processes', report.counts.processes, { total: processes?.count ?? 0, fileless: processes?.fileless ?? 0 }];
  // Of a later version the answers are in a listing that is an artifact.
  if (report.amended === undefined) yield ['lookups', report.counts.lookups, lookups?.counts ?? {}];
}

function same(a: unknown, b: unknown): boolean {
  return text(a) === text(b);
}

/** Undefined has no JSON. */
function text(value: unknown): string {
  return value === undefined ? '' : canonical(JSON.parse(JSON.stringify(value)));
}

function short(value: unknown): string {
  const all = text(value);
  return all === '' ? 'nothing' : all.length > 200 ? `${all.slice(0, 200)}…` : all;
}
