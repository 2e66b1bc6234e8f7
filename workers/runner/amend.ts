import type { Amendment } from '../../playbooks/domain/amendment.js';
import type { Lookup } from '../../playbooks/domain/lookup.js';
import { notesOf, withoutLookupGaps } from '../../playbooks/domain/lookup-notes.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import type { FactName, Facts } from '../../playbooks/facts.js';
import type { RunHistory } from '../../playbooks/ports.js';
import { boardOf } from '../../playbooks/step.js';
import { verdictOf } from '../../playbooks/steps/judge.js';
import { answerArtifacts, keepLookups } from '../../playbooks/steps/lookup-hashes.js';
import { type ReportContext, writeVersion } from '../../playbooks/steps/write-report.js';
import { maxActsPerCall } from '../../store/custody.js';
import type { AmendedRun } from '../../store/run-log.js';
import { isPending, listedLookups } from './amend-watch.js';
import { tellMilestones } from './deliver-watch.js';
import type { RunnerDeps } from './deps.js';
import { contentsOf, referringEvidence } from './referring-evidence.js';
import { seenAnswers } from './run-answers.js';
import { history } from './step-context.js';
import { completenessOf } from './summary.js';

/** All of them are recorded in one act, with two entries of their own; what is left makes the next version. */
const maxAnswers = maxActsPerCall - 2;

/**
 * Judges a sealed run again with the answers that have come since, and writes the next version of its report. What the run has acquired and
 * recorded is not touched. May be done by several at once: one of them records it.
 * @returns how many answers the new version has; 0 when there is nothing to amend (any more)
 * @throws TriageError `custody-broken`, `store-corrupt`, `redis-unavailable` and what the evidence store throws
 */
export async function amendRun(deps: RunnerDeps, run: string, signal: AbortSignal): Promise<number> {
  if (!(await deps.amendments.isOpen(run))) return 0;
  const [before, records] = await Promise.all([listedLookups(deps, run), deps.signed.records(run)]);
  const pending = before.lookups.filter(isPending).map(({ sha256 }) => sha256);
  const answers = [...(await seenAnswers(deps, run, pending)).values()].slice(0, maxAnswers);
  if (answers.length === 0) return 0;
  const version = (before.amendment?.version ?? 1) + 1;
  const ctx = await contextOf(deps, run, signal);
  await ctx.recordArtifacts(await answerArtifacts(ctx.evidence, answers));
  const amended = await judgedAgain(ctx, deps, records, merged(before.lookups, answers));
  const answered = answers.length;
  const verdictBefore = before.amendment?.verdict ?? boardOf(factsOf(records)).verdict?.level ?? 'inconclusive';
  const report = await writeVersion({ ...ctx, history: amended.history }, version, { answered, verdictBefore });
  const amendment: Amendment = {
    version,
    at: deps.clock().toISOString(),
    answered,
    pending: pending.length - answered,
    verdict: amended.verdict,
    verdictBefore,
    completeness: amended.completeness,
    lookups: amended.listing,
    report: { json: report.json, markdown: report.markdown, html: report.html, timeline: report.timeline },
  };
  await recordAmended(deps, run, { amendment, lookups: answers });
  return answered;
}

async function recordAmended(deps: RunnerDeps, run: string, amended: AmendedRun): Promise<void> {
  const { log, amendments, logger } = deps;
  const what = await log.amend(run, amended);
  const { version, verdict, answered, pending } = amended.amendment;
  if (what === 'ok') logger.info({ run, version, verdict, answered, pending }, 'report amended');
  else logger.info({ run, version, refused: what }, 'amendment refused');
  if (what === 'ok') await tellMilestones(deps, run);
  if (what === 'gone' || what === 'refused') await amendments.forget(run);
}

async function contextOf(deps: RunnerDeps, run: string, signal: AbortSignal): Promise<ReportContext> {
  const info = await deps.signed.info(run);
  const evidence = referringEvidence(deps.ports.evidence, deps.references, { id: run, isRun: true }, signal);
  return {
    run: info,
    clock: deps.clock,
    signal,
    evidence,
    history: history(deps, info),
    // The run is sealed: no attempt has a fence any more, and an artifact is recorded once all the same.
    recordArtifacts: async (artifacts) => {
      await evidence.refer(contentsOf(artifacts));
      await deps.log.recordArtifacts({ run, step: '', fence: '' }, artifacts);
    },
  };
}

interface JudgedAgain {
  readonly listing: string;
  readonly verdict: Amendment['verdict'];
  readonly completeness: Amendment['completeness'];
  /** The run's history as if the answers had come in time. */
  readonly history: RunHistory;
}

async function judgedAgain(
  ctx: ReportContext,
  { rules }: RunnerDeps,
  records: ReadonlyMap<string, StepRecord>,
  lookups: readonly Lookup[],
): Promise<JudgedAgain> {
  const fact = await keepLookups(ctx, lookups);
  const asked = withLookups(records, fact, lookups);
  const history = historyOf(ctx.history, asked);
  const board = boardOf(factsOf(asked));
  const verdict = await verdictOf(board, { evidence: ctx.evidence, rules, history });
  // Where the step that judges has failed, the board gets its first verdict here.
  const place = board.verdict === undefined ? 'lookups' : 'verdict';
  const judged = new Map([...asked].map(([step, record]) => [step, withFact(record, place, { verdict })]));
  return { listing: fact.sha256, verdict: verdict.level, completeness: completenessOf(asked.values()), history: historyOf(ctx.history, judged) };
}

function merged(lookups: readonly Lookup[], answers: readonly Lookup[]): Lookup[] {
  const late = new Map(answers.map((answer) => [answer.sha256, answer]));
  return lookups.map((lookup) => late.get(lookup.sha256) ?? lookup);
}

/** The records with the lookups as they are now, and in the first that has any, what could not be had of those. */
function withLookups(records: ReadonlyMap<string, StepRecord>, fact: Facts['lookups'], lookups: readonly Lookup[]): Map<string, StepRecord> {
  let notes: Pick<StepRecord, 'gaps' | 'limits'> = notesOf(lookups);
  const amended = new Map<string, StepRecord>();
  for (const [step, record] of records) {
    const next = withFact(record, 'lookups', { lookups: fact });
    amended.set(step, next === record ? record : { ...next, ...withNotes(record, notes) });
    if (next !== record) notes = { gaps: [], limits: [] };
  }
  return amended;
}

function withNotes({ gaps, limits }: StepRecord, notes: Pick<StepRecord, 'gaps' | 'limits'>): Pick<StepRecord, 'gaps' | 'limits'> {
  return { gaps: [...withoutLookupGaps(gaps), ...notes.gaps], limits: [...withoutLookupGaps(limits), ...notes.limits] };
}

/** The record that wrote the fact `place`, with these facts; any other as it is. */
function withFact(record: StepRecord, place: FactName, facts: Partial<Facts>): StepRecord {
  return record.facts[place] === undefined ? record : { ...record, facts: { ...record.facts, ...facts } };
}

function historyOf(base: RunHistory, records: ReadonlyMap<string, StepRecord>): RunHistory {
  return {
    ...base,
    async steps() {
      return (await base.steps()).map(({ name }) => {
        const record = records.get(name);
        return record === undefined ? { name } : { name, record };
      });
    },
  };
}

function* factsOf(records: ReadonlyMap<string, StepRecord>): Generator<StepRecord['facts']> {
  for (const { facts } of records.values()) yield facts;
}
