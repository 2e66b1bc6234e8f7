import type { BatchEvent, MilestoneEvent, RunEvent } from '../../playbooks/delivery/event.js';
import type { Amendment } from '../../playbooks/domain/amendment.js';
import type { runMilestones } from '../../playbooks/domain/delivery.js';
import { lookupStatuses } from '../../playbooks/domain/lookup.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import type { Finding } from '../../playbooks/domain/verdict.js';
import type { RunInfo } from '../../playbooks/ports.js';
import { boardOf } from '../../playbooks/step.js';
import { defined } from '../../store/run-record.js';
import type { RunnerDeps } from './deps.js';
import { completenessOf, sealOf } from './summary.js';

type Board = ReturnType<typeof boardOf>;

/** A milestone of a run, with what was recorded until then. */
export interface Reached {
  readonly milestone: (typeof runMilestones)[number];
  readonly at: string;
  /** The steps' records up to the one that reached it, in the order in which they finished. */
  readonly records: ReadonlyMap<string, StepRecord>;
  /** What has made the report's new version. */
  readonly amendment?: Amendment;
}

const maxRules = 10;

/**
 * The milestones of a run as its signed records have them, oldest first. Reading them again gives the same ones, and more.
 * Throws what `SignedRuns` throws.
 */
export async function milestonesOfRun({ signed }: Pick<RunnerDeps, 'signed'>, run: string): Promise<readonly Reached[]> {
  const records = await signed.records(run);
  const reached = new Map<Reached['milestone'], Reached>();
  const until = new Map<string, StepRecord>();
  for (const [step, record] of records) {
    until.set(step, record);
    if (record.status !== 'succeeded') continue;
    for (const milestone of reachedBy(boardOf([record.facts])))
      if (!reached.has(milestone)) reached.set(milestone, { milestone, at: record.finishedAt, records: new Map(until) });
  }
  const amended = (await signed.amendments(run)).map((amendment): Reached => ({ milestone: 'run.amended', at: amendment.at, records, amendment }));
  return [...reached.values(), ...amended];
}

function reachedBy({ artifacts, verdict, report }: Board): Reached['milestone'][] {
  return [
    ...(artifacts === undefined ? [] : ['acquisition.finished' as const]),
    ...(verdict === undefined ? [] : ['verdict.ready' as const]),
    ...(report === undefined ? [] : ['report.written' as const]),
  ];
}

/** What is told of a milestone: all of it is signed, and none of it changes later. Throws what `SignedRuns` throws. */
export async function runEventOf(deps: Pick<RunnerDeps, 'signed'>, info: RunInfo, reached: Reached): Promise<MilestoneEvent> {
  const { milestone, at, amendment, records } = reached;
  const board = boardOf(Array.from(records.values(), ({ facts }) => facts));
  const { target, caseId } = info.request;
  const isSealed = board.report !== undefined;
  const path = `/api/v1/runs/${info.id}`;
  const run: RunEvent = {
    id: info.id,
    state: isSealed ? await endOf(deps, info.id, records) : 'running',
    target,
    playbook: info.playbook.name,
    ...defined({
      caseId,
      batch: info.origin?.batch,
      verdict: amendment?.verdict ?? board.verdict?.level,
      completeness: amendment?.completeness ?? (isSealed ? completenessOf(records.values()) : undefined),
      rules: amendment === undefined && board.verdict !== undefined ? rulesOf(board.verdict.findings) : undefined,
      reportVersion: amendment?.version ?? board.report?.version,
      amendment: amendment === undefined ? undefined : pick(amendment),
    }),
    milestones: timesOf(records),
    counts: countsOf(board, records, amendment),
    links: { run: path, ...(isSealed ? { report: `${path}/report` } : {}) },
  };
  return { type: milestone, timestamp: at, data: { run } };
}

/** What is told of a batch that has ended. */
export function batchEventOf(event: BatchEvent, at: string): MilestoneEvent {
  return { type: 'batch.finished', timestamp: at, data: { batch: event } };
}

async function endOf({ signed }: Pick<RunnerDeps, 'signed'>, run: string, records: Reached['records']): Promise<RunEvent['state']> {
  if (await signed.cancelled(run)) return 'cancelled';
  const closing = [...records.values()].at(-1);
  if (closing === undefined) return 'failed';
  const hasListing = boardOf(Array.from(records.values(), ({ facts }) => facts)).changes !== undefined;
  return sealOf(records, closing, hasListing ? [] : await signed.artifacts(run)).final ?? 'failed';
}

function timesOf(records: Reached['records']): RunEvent['milestones'] {
  const times: { -readonly [K in keyof RunEvent['milestones']]: RunEvent['milestones'][K] } = {};
  for (const { status, facts, finishedAt } of records.values()) {
    if (status !== 'succeeded') continue;
    const { artifacts, verdict, report } = boardOf([facts]);
    if (artifacts !== undefined) times.acquisitionFinished ??= finishedAt;
    if (verdict !== undefined) times.verdictReady ??= finishedAt;
    if (report !== undefined) times.reportWritten ??= finishedAt;
  }
  return times;
}

/** What an amendment has changed of the answers is told by itself: the numbers of the records are those from before. */
function countsOf(board: Board, records: Reached['records'], amendment: Amendment | undefined): RunEvent['counts'] {
  const isNow = amendment === undefined;
  const gaps = [...records.values()].reduce((sum, record) => sum + record.gaps.length, 0);
  return {
    gaps,
    ...defined({
      changes: board.changes?.count,
      artifacts: board.artifacts?.count,
      findings: isNow ? board.verdict?.findingCount : undefined,
      lookups: isNow && board.lookups !== undefined ? byStatus(board.lookups.counts) : undefined,
    }),
  };
}

function byStatus(counts: Readonly<Record<string, number>>): RunEvent['counts']['lookups'] {
  return Object.fromEntries(lookupStatuses.flatMap((status) => (counts[status] === undefined ? [] : [[status, counts[status]]])));
}

function rulesOf(findings: readonly Finding[]): RunEvent['rules'] {
  const rules = new Map<string, NonNullable<RunEvent['rules']>[number]>();
  for (const { rule, title, level } of findings) {
    const before = rules.get(rule);
    rules.set(rule, { rule, title, level: before?.level ?? level, findings: (before?.findings ?? 0) + 1 });
  }
  return [...rules.values()].slice(0, maxRules);
}

function pick({ answered, pending, verdictBefore }: Amendment): RunEvent['amendment'] {
  return { answered, pending, verdictBefore };
}
