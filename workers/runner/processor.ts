import type { Job, Processor } from 'bullmq';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { isTriedAgain } from '../../playbooks/domain/retry.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import { missingNeeds } from '../../playbooks/step.js';
import type { StepJob } from '../../store/queues.js';
import { type Attempt, takeOver } from '../../store/run-log.js';
import { lookAfterRun } from './amend-watch.js';
import { AttemptSignal, untilStopped } from './attempt-signal.js';
import { lostError, recordLost, sealSummary } from './close-run.js';
import { tellMilestones } from './deliver-watch.js';
import type { RunnerDeps } from './deps.js';
import { Footprints } from './footprints.js';
import { fenceError, forgedBecause, hasBegun, isFenceForged, isToStop, refuseJob, stepOf } from './forged.js';
import { type AttemptTimes, failed, StepNotes, skipped, succeeded } from './outcome.js';
import { handBack } from './parking.js';
import { nodeOf, type Planned, planStep, readBoard, type StepPlan } from './plan.js';
import { leaveQueue, ready } from './ready.js';
import { stepContext } from './step-context.js';
import { milestonesOf } from './summary.js';

/** For a step that cannot be found in any playbook, and so has no time of its own. */
const planlessTimeoutMs = 60_000;
const notThere = 'names a run that is not there';

interface StepJobContext {
  readonly deps: RunnerDeps;
  readonly job: Job;
  readonly token: string | undefined;
  readonly run: string;
  readonly step: string;
  readonly plan: Planned;
  readonly stop: AttemptSignal;
}

/** Makes the function that BullMQ calls with a step's job. It throws only to ask for another attempt or to park. */
export function stepProcessor(deps: RunnerDeps): Processor {
  // Three named parameters: BullMQ counts them, and gives a signal only to who asks for it.
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const admitted = await admit(deps, job);
    if (admitted === undefined) return;
    const { run, step, plan } = admitted;
    const timeoutMs = plan instanceof TriageError ? planlessTimeoutMs : plan.step.step.timeoutMs;
    const stop = new AttemptSignal(step, timeoutMs, signal);
    const context: StepJobContext = { deps, job, token, run, step, plan, stop };
    try {
      await prepared(context);
    } finally {
      stop.dispose();
    }
  };
}

interface Admitted {
  readonly run: string;
  readonly step: string;
  readonly plan: Planned;
}

/** What is to be done for a job; undefined where it is done already, or where nobody here has added the job. */
async function admit(deps: RunnerDeps, job: Job): Promise<Admitted | undefined> {
  const named = stepOf(job);
  const found = named === undefined ? 'names no step of a run' : await lookUp(deps, job, named);
  if (typeof found !== 'string') return found;
  refuseJob(deps, job, named, found);
  return undefined;
}

/** The same, or why the job is refused. */
async function lookUp(deps: RunnerDeps, job: Job, named: StepJob): Promise<Admitted | string | undefined> {
  const { run, step } = named;
  const plan = await planStep(deps, run, step);
  if (plan instanceof TriageError) return forgedBecause(job, named, plan) ?? { run, step, plan };
  if (!plan.isThere) return notThere;
  if (plan.isRecorded) return undefined;
  const forged = forgedBecause(job, named, plan);
  if (forged !== undefined) return forged;
  // Before the closing step as well: in Redis, a run that is sealed goes by its flag.
  const cancelled = await isToStop(deps, run, plan);
  return { run, step, plan: { ...plan, cancelled } };
}

async function prepared(context: StepJobContext): Promise<void> {
  const lease = await startable(context);
  try {
    await attempt(context);
  } finally {
    await lease?.release();
  }
}

/** Waits for what the step needs; a cancelled one waits for nothing. */
async function startable({ deps, job, token, plan, stop }: StepJobContext): ReturnType<typeof ready> {
  if (plan instanceof TriageError) return undefined;
  if (!plan.cancelled) return ready(deps, job, token, plan, stop.signal);
  await leaveQueue(deps, plan);
  return undefined;
}

async function attempt(context: StepJobContext): Promise<void> {
  const { deps, job, run, step, stop } = context;
  const number = job.attemptsMade + 1;
  const closes = closesRun(context);
  // Before begin: a cancel that comes in between finds either the flag set, or this attempt listed.
  const leave = closes ? undefined : deps.active.add(run, stop);
  try {
    const startedAt = deps.clock().toISOString();
    const begun = await deps.log.begin(run, step, number);
    if (begun.what === 'gone') refuseJob(deps, job, { run, step }, notThere);
    if (begun.what === 'gone' || begun.what === 'recorded') return;
    const place = { run, step, fence: begun.fence, number };
    const times = (): AttemptTimes => ({ attempt: number, startedAt, finishedAt: deps.clock().toISOString() });
    if (!closes && (await mayBeSkipped(context, begun.what))) {
      await finish(context, place, skipped(times(), 'cancelled', 'the run was asked to stop'));
      return;
    }
    if (closes && !isLast(context)) await recordLost(deps, run, step);
    if (begun.inRow > deps.timings.maxStalledCount + 1 && (await hasBegun(deps, place, begun.inRow))) {
      await finish(context, place, failed(times(), lostError(step)));
      return;
    }
    await finish(context, place, await outcome(context, place, times));
  } finally {
    leave?.();
  }
}

/**
 * Whether the run is to stop. What was signed when the step was planned stands, whatever the flag says since: nothing was waited for. What cannot be
 * planned fails, and is not skipped, as it cannot be said either that its run was to stop.
 */
async function mayBeSkipped({ deps, run, plan }: StepJobContext, begun: 'go' | 'cancelled'): Promise<boolean> {
  if (plan instanceof TriageError) return false;
  return isToStop(deps, run, { cancelled: plan.cancelled, isFlagged: begun === 'cancelled' });
}

function closesRun({ plan, job }: StepJobContext): boolean {
  // The closing step is the root of the flow, also where its playbook is not to be had.
  return plan instanceof TriageError ? job.parentKey === undefined : plan.step.step.closes === true;
}

function isLast({ plan }: StepJobContext): boolean {
  return !(plan instanceof TriageError) && plan.isLast;
}

async function outcome(context: StepJobContext, place: Attempt & { number: number }, times: () => AttemptTimes): Promise<StepRecord> {
  const { deps, plan, stop } = context;
  const notes = new StepNotes();
  try {
    if (plan instanceof TriageError) throw plan;
    const why = plan.step.step.unless?.(plan.info.request);
    if (why !== undefined) return skipped(times(), 'not-applicable', why);
    // Who was at another step until a moment ago may have recorded it.
    const board = plan.step.step.closes === true && !plan.isLast ? await readBoard(deps, place.run) : plan.board;
    const missing = missingNeeds(plan.step.step, board);
    if (missing.length > 0) return skipped(times(), 'needs-missing', `no step before it has written: ${missing.join(', ')}`);
    const facts = await act(deps, { ...plan, board }, place, stop, notes);
    return succeeded(times(), facts, notes);
  } catch (error) {
    return await afterError(context, place, error, times, notes);
  }
}

function act(
  deps: RunnerDeps,
  plan: StepPlan,
  place: Attempt & { number: number },
  stop: AttemptSignal,
  notes: StepNotes,
): ReturnType<StepPlan['step']['run']> {
  const footprints = new Footprints((said) => deps.log.record(place.run, [said]), place.step);
  const work = plan.step.run(plan.board, stepContext(deps, plan, place, stop.signal, { notes, footprints }));
  return untilStopped(footprints.settled(work), stop.signal, deps.timings.graceMs);
}

async function afterError(
  { deps, job, token, stop, plan }: StepJobContext,
  place: Attempt & { number: number },
  raw: unknown,
  times: () => AttemptTimes,
  notes: StepNotes,
): Promise<StepRecord> {
  if (stop.why === 'shutdown') {
    await deps.log.endedOrderly(place.run, place.step);
    return handBack(job, token);
  }
  if (stop.why === 'cancelled') return skipped(times(), 'cancelled', 'the run was asked to stop', notes);
  const raised = asTriageError(stop.why === 'timeout' ? stop.signal.reason : raw);
  const forged = raised.code === 'stale-attempt' && stop.why === undefined && (await isFenceForged(deps, place));
  const error = forged ? fenceError(place.run, place.step) : raised;
  // Somebody else goes on with the step: it is his to record.
  if (error.code === 'stale-attempt' && stop.why !== 'lock-lost') deps.metrics.lateWrite(metricName(plan));
  if (stop.why === 'lock-lost' || error.code === 'stale-attempt') throw error;
  if (error.code === 'custody-broken' && !forged) deps.alert(error, { run: place.run, what: 'a run' });
  const away = error.code === 'node-unreachable' ? nodeOf(plan) : undefined;
  const inVain = away !== undefined && deps.away.has(away);
  if (!inVain && isTriedAgain(error, place.number, attemptsOf(job, plan))) {
    await deps.log.endedOrderly(place.run, place.step);
    await deps.log.waiting(place.run, place.step, { for: 'retry' });
    deps.metrics.retried(metricName(plan), error.code);
    throw error;
  }
  if (away !== undefined) deps.away.gaveUp(away);
  if (error.code === 'internal') deps.logger.error({ err: error, run: place.run, step: place.step }, 'step failed in a way that it should not');
  return failed(times(), error, notes);
}

/** The job says it, too, but it has no signature. */
function attemptsOf({ opts }: Job, plan: Planned): number {
  return Math.min(opts.attempts ?? 1, plan instanceof TriageError ? 1 : plan.step.step.attempts);
}

async function finish(context: StepJobContext, place: Attempt, record: StepRecord): Promise<void> {
  const { deps, run, step, plan } = context;
  const summary = closesRun(context) ? await sealSummary(deps, run, step, record) : { fields: milestonesOf(record, false) };
  let what = await deps.log.finish(place, record, summary);
  if (what === 'stale' && (await isFenceForged(deps, place))) what = await deps.log.finish({ ...place, fence: takeOver }, record, summary);
  if (what === 'ok' || what === 'over') {
    deps.metrics.stepEnded(metricName(plan), record);
    if (Object.keys(summary.fields).length > 0) await tellMilestones(deps, run);
    if (closesRun(context) && what === 'ok') await lookAfterRun(deps, run);
  } else {
    deps.metrics.lateWrite(metricName(plan));
    deps.logger.info({ run, step, refused: what }, 'late result refused');
  }
}

/** Anybody can add a job for a step of any name; a playbook has few. */
function metricName(plan: Planned): string {
  return plan instanceof TriageError ? 'unknown' : plan.step.step.name;
}
