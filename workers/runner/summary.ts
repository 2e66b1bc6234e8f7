import type { Artifact } from '../../playbooks/domain/artifact.js';
import { mayBeHadLater } from '../../playbooks/domain/retry.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import { boardOf } from '../../playbooks/step.js';
import type { RunSummary } from '../../store/run-log.js';

/** What a finished step says about its run: milestones and verdict. */
export function milestonesOf(record: StepRecord, closes: boolean): Record<string, string> {
  if (record.status !== 'succeeded') return {};
  const { artifacts, verdict } = boardOf([record.facts]);
  return {
    ...(artifacts === undefined ? {} : { acquisitionFinished: record.finishedAt }),
    ...(verdict === undefined ? {} : { verdictReady: record.finishedAt, verdict: verdict.level }),
    ...(closes ? { reportWritten: record.finishedAt } : {}),
  };
}

/**
 * How a run ends. It failed when its closing step did, or when there is no usable evidence: neither a listing of changes
 * nor one acquired file. It is partial when anything asked for could not be had. (The store makes `cancelled` of it where a cancel was asked for at the last moment.)
 * @param records of all steps, the closing one included
 * @param cancelled an API has signed that the run is to stop: that it has little to show is no failure, and no answers are waited for
 */
export function sealOf(records: ReadonlyMap<string, StepRecord>, closing: StepRecord, artifacts: readonly Artifact[], cancelled = false): RunSummary {
  const all = [...records.values()];
  const { changes, lookups, report } = boardOf(all.map(({ facts }) => facts));
  const usable = changes !== undefined || artifacts.some(({ kind }) => kind === 'file');
  const failures = all.flatMap((record) => record.error ?? []);
  const cutShort = failures.find(({ code }) => mayBeHadLater(code));
  const pending = lookups?.counts['pending'] ?? 0;
  const ok = closing.status === 'succeeded' && usable;
  const error = closing.error ?? failures[0] ?? { code: 'internal' as const, message: 'no usable evidence: neither a listing of changes nor a file' };
  return {
    final: cancelled ? 'cancelled' : ok ? 'completed' : 'failed',
    fields: {
      ...milestonesOf(closing, true),
      finishedAt: closing.finishedAt,
      completeness: completenessOf(all),
      ...(ok || cancelled ? {} : { error: JSON.stringify(error) }),
      ...(ok && !cancelled && cutShort !== undefined ? { cutShort: JSON.stringify(cutShort) } : {}),
      ...(report === undefined ? {} : { reportVersion: String(report.version) }),
      ...(pending === 0 ? {} : { pendingLookups: String(pending) }),
    },
    amendable: !cancelled && pending > 0 && report !== undefined,
  };
}

/** Whether all that was asked for could be had, by the records of all steps. */
export function completenessOf(records: Iterable<StepRecord>): 'full' | 'partial' {
  return [...records].some(({ status, reason, gaps }) => (status !== 'succeeded' && reason !== 'not-applicable') || gaps.length > 0)
    ? 'partial'
    : 'full';
}
