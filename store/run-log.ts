import type { Redis } from 'ioredis';
import type { Amendment } from '../playbooks/domain/amendment.js';
import type { Artifact } from '../playbooks/domain/artifact.js';
import { type Act, type CustodyAct, sha256Hex } from '../playbooks/domain/custody.js';
import { custodyDetails } from '../playbooks/domain/custody-details.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { Lookup } from '../playbooks/domain/lookup.js';
import type { StepRecord, Wait } from '../playbooks/domain/run.js';
import { type CustodyWriter, maxActsPerCall } from './custody.js';
import type { Keys } from './keys.js';
import { artifactItem, lookupItem, type RecordedItem } from './recorded-item.js';
import { append } from './scripts/append.js';
import { dropCancel } from './scripts/drop-cancel.js';
import { replace } from './scripts/replace.js';
import { runAmend } from './scripts/run-amend.js';
import { runWait } from './scripts/run-wait.js';
import { type Reply, runScript } from './scripts/script.js';
import { stepBegin } from './scripts/step-begin.js';
import { runSeal, stepFinish } from './scripts/step-finish.js';

/** How an attempt begins. `gone`: the run does not exist (any more). */
export type Begun =
  | {
      readonly what: 'go' | 'cancelled';
      readonly fence: string /** How often the step has begun in a row and never ended. */;
      readonly inRow: number;
    }
  | { readonly what: 'recorded' }
  | { readonly what: 'gone' };

/** One attempt's place: what it records is refused when a newer attempt has begun. */
export interface Attempt {
  readonly run: string;
  readonly step: string;
  readonly fence: string;
}

/** How long the evidence of a sealed run is kept where nobody says it: 90 days. */
export const defaultRetainMs = 90 * 86_400_000;

/** The fence of who takes a step over from an attempt that will never end. */
export const takeOver = '*';

/** What a finished step changes in the run: fields of its HASH, and the end state when the step closes the run. */
export interface RunSummary {
  readonly fields: Readonly<Record<string, string>>;
  readonly final?: 'completed' | 'failed' | 'cancelled';
  /** Answers about hashes are still to come: once sealed, the run waits for its amendments, unless it was cancelled. */
  readonly amendable?: boolean;
  /** How long the evidence is kept once the run is sealed, in milliseconds, where the run says it. */
  readonly retainMs?: number;
}

/** What amending a sealed run writes down, all in one act. */
export interface AmendedRun {
  readonly amendment: Amendment;
  /** The answers that have come since. */
  readonly lookups: readonly Lookup[];
}

/** The entry that a record of each status has in custody. */
const finishActs = { succeeded: 'step.finished', failed: 'step.failed', skipped: 'step.skipped' } as const satisfies Record<
  StepRecord['status'],
  CustodyAct
>;

/** What workers write down: attempts, outcomes, artifacts, lookups. Record and custody entry are one act each. */
export class RunLog {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly custody: CustodyWriter,
    private readonly clock: () => Date = () => new Date(),
    /** How long the evidence of a run is kept after it was sealed, in milliseconds. */
    private readonly retainMs = defaultRetainMs,
  ) {}

  /** Looks what there is to do for a step, before anything is written. */
  async peek(run: string, step: string): Promise<'open' | 'cancelled' | 'recorded' | 'gone'> {
    const [[state, cancel], recorded] = await Promise.all([
      this.redis.hmget(this.keys.run(run), 'state', 'cancel'),
      this.redis.hexists(this.keys.steps(run), step),
    ]);
    if (state == null) return 'gone';
    if (recorded === 1) return 'recorded';
    return cancel == null ? 'open' : 'cancelled';
  }

  /** Begins an attempt; `attempt` counts from 1. */
  async begin(run: string, step: string, attempt: number): Promise<Begun> {
    const act: Act = { act: 'step.started', subject: step, detail: { attempt } };
    const keys = [this.keys.steps(run), this.keys.fences(run), this.keys.begun(run), this.keys.begins(run)];
    const begun = JSON.stringify({ attempt, startedAt: this.clock().toISOString() });
    const [what, fence, inRow] = await this.custody.write(run, [act], { script: stepBegin, keys, rest: [step, begun] });
    if (what === 'go' || what === 'cancelled') return { what, fence: String(fence), inRow: Number(inRow) };
    return what === 'recorded' ? { what } : { what: 'gone' };
  }

  /** An attempt has ended in an orderly way without an outcome: by a retry to come, or handed back. */
  async endedOrderly(run: string, step: string): Promise<void> {
    await this.redis.hdel(this.keys.begins(run), step);
  }

  /**
   * Records the outcome of a step, once. `over`: and with it the run is sealed, and no answers are to come for it. All answers but `ok` and `over`
   * mean that somebody else has done or will do it.
   */
  async finish(
    { run, step, fence }: Attempt,
    record: StepRecord,
    summary: RunSummary = { fields: {} },
  ): Promise<'ok' | 'over' | 'already' | 'stale' | 'gone'> {
    const text = JSON.stringify(record);
    const { status, attempt, reason, error, facts, gaps, limits } = record;
    const detail = {
      attempt,
      record: sha256Hex(text),
      reason,
      error: error?.code,
      facts: Object.keys(facts),
      gaps: gaps.length,
      limits: limits.length,
    };
    const acts: Act[] = [{ act: finishActs[status], subject: step, detail }, ...reportActs(run, facts)];
    const [what, left] = await this.writeOutcome({ run, step, fence }, text, acts, summary);
    if (left === 'over') return left;
    return what === 'ok' || what === 'already' || what === 'stale' ? what : 'gone';
  }

  private writeOutcome(
    { run, step, fence }: Attempt,
    text: string,
    acts: readonly Act[],
    { fields, final, amendable = false, retainMs = this.retainMs }: RunSummary,
  ): Promise<Reply> {
    const { keys, custody } = this;
    const rest = [step, fence, text, Object.keys(fields).length, ...Object.entries(fields).flat()];
    const stepKeys = [keys.steps(run), keys.fences(run), keys.finished(run)];
    if (final === undefined) return custody.write(run, acts, { script: stepFinish, keys: stepKeys, rest });
    const now = this.clock().getTime();
    return custody.write(run, [...acts, custody.checkpoint(run)], {
      script: runSeal,
      keys: [...stepKeys, keys.open, keys.amending, keys.retained, keys.ended, keys.pending(run)],
      rest: [...rest, final, run, amendable ? now : '', now + retainMs],
      register: ({ seq, hash }) => ({ act: 'run.reported', subject: run, detail: { run, seq: seq - 1, head: hash } }),
    });
  }

  /**
   * Records a new version of a sealed run's report, and the answers that made it, once: of several who try, one does it.
   * `refused`: the run was cancelled, or is not sealed.
   */
  async amend(run: string, { amendment, lookups }: AmendedRun): Promise<'ok' | 'already' | 'refused' | 'gone'> {
    const { keys } = this;
    const text = JSON.stringify(amendment);
    const { version, pending, verdict, completeness, report } = amendment;
    const items = lookups.map(lookupItem);
    const acts: Act[] = [
      ...items.map(({ act }) => act),
      { act: 'report.written', subject: run, detail: { ...report, version } },
      { act: 'run.amended', subject: run, detail: { ...amendment, record: sha256Hex(text) } },
    ];
    const fields = { verdict, completeness, pendingLookups: String(pending) };
    const command = {
      script: runAmend,
      keys: [keys.lookups(run), keys.amendments(run), keys.amended(run), keys.amending],
      rest: [version, run, text, pending, items.length, ...items.flatMap(({ field, value }) => [field, value]), ...Object.entries(fields).flat()],
    };
    const [what] = await this.custody.write(run, acts, command);
    return what === 'ok' || what === 'already' || what === 'refused' ? what : 'gone';
  }

  /** Appends an act on a file that the run gives away, once for each `mark`, however often it is told. */
  async recordUpload(run: string, mark: string, act: Act): Promise<void> {
    const keys = [this.keys.uploads(run), this.keys.steps(run), this.keys.fences(run)];
    await this.custody.write(run, [act], { script: append, keys, rest: ['', '', 1, mark, '1'] });
  }

  /** Appends acts that are not fenced: what was done on the target was done, whoever did it. */
  record(run: string, acts: readonly Act[]): Promise<void> {
    return this.custody.append(run, acts);
  }

  /** Records artifacts, each once; those that the run has already are left as they are. Throws `stale-attempt`. */
  recordArtifacts(attempt: Attempt, artifacts: readonly Artifact[]): Promise<void> {
    return this.recordOnce(attempt, this.keys.artifacts(attempt.run), artifacts.map(artifactItem));
  }

  /** Records the answers to a run's lookups, each once. Throws `stale-attempt`. */
  recordLookups(attempt: Attempt, lookups: readonly Lookup[]): Promise<void> {
    return this.recordOnce(attempt, this.keys.lookups(attempt.run), lookups.map(lookupItem));
  }

  /** Puts newer answers in the place of those that the run has, each with an entry of its own. Throws `stale-attempt`. */
  replaceLookups(attempt: Attempt, lookups: readonly Lookup[]): Promise<void> {
    return this.recordOnce(attempt, this.keys.lookups(attempt.run), lookups.map(lookupItem), replace);
  }

  /** Shows why the run stands still at a step, or with undefined that it goes on. A beginning attempt ends the wait by itself. */
  async waiting(run: string, step: string, wait: Pick<Wait, 'for' | 'eta'> | undefined): Promise<void> {
    const now = this.clock();
    const etaMs = wait?.eta === undefined ? 0 : Date.parse(wait.eta);
    const args = [this.keys.changes(run), step, wait?.for ?? '', now.toISOString(), wait?.eta ?? '', etaMs, etaTolerance(etaMs - now.getTime())];
    await runScript(this.redis, runWait, [this.keys.run(run)], args);
  }

  /** Since when the run is to stop; whether somebody has asked for it custody says. */
  async cancelFlag(run: string): Promise<string | undefined> {
    return (await this.redis.hget(this.keys.run(run), 'cancel')) ?? undefined;
  }

  /** Takes a flag away that custody has no entry for; one that was set meanwhile stays. */
  async dropCancel(run: string, flag: string): Promise<void> {
    await runScript(this.redis, dropCancel, [this.keys.run(run)], [flag]);
  }

  /** Whether a run is among those that have not been sealed. */
  async isOpen(run: string): Promise<boolean> {
    return (await this.redis.zscore(this.keys.open, run)) !== null;
  }

  /** Ids of all runs that have not been sealed, oldest first. */
  openRuns(): Promise<readonly string[]> {
    return this.redis.zrange(this.keys.open, '0', '-1');
  }

  private async recordOnce(attempt: Attempt, records: string, items: readonly RecordedItem[], script = append): Promise<void> {
    const unique = [...new Map(items.map((item) => [item.field, item])).values()];
    for (let from = 0; from < unique.length; from += maxActsPerCall)
      await this.recordBatch(attempt, records, unique.slice(from, from + maxActsPerCall), script);
  }

  private async recordBatch({ run, step, fence }: Attempt, records: string, batch: readonly RecordedItem[], script: typeof append): Promise<void> {
    let items = batch;
    while (items.length > 0) {
      const rest = [step, fence, items.length, ...items.flatMap(({ field, value }) => [field, value])];
      const keys = [records, this.keys.steps(run), this.keys.fences(run)];
      const acts = items.map(({ act }) => act);
      const [what, ...known] = await this.custody.write(run, acts, { script, keys, rest });
      if (what === 'ok') return;
      if (what !== 'known')
        throw new TriageError('stale-attempt', `a newer attempt at ${step} of run ${run} has begun, or it is finished; this one records no more`);
      const there = new Set(known);
      items = items.filter(({ field }) => !there.has(field));
    }
  }
}

/** A step that puts a report on the board has written it: that act stands beside its outcome, or a second attempt would say it again. */
function reportActs(run: string, facts: StepRecord['facts']): Act[] {
  const report = custodyDetails['report.written'].safeParse(facts['report']);
  return report.success ? [{ act: 'report.written', subject: run, detail: report.data }] : [];
}

/** By how much an estimate, so many milliseconds ahead, may be off before it is told anew. */
function etaTolerance(aheadMs: number): number {
  return Math.max(1_000, Math.round(aheadMs / 20));
}
