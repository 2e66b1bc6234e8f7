import { TriageError } from '../../playbooks/domain/error.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import { takeOver } from '../../store/run-log.js';
import type { StepView } from '../../store/run-view.js';
import type { RunnerDeps } from './deps.js';
import { isToStop, unlessBroken } from './forged.js';
import { failed } from './outcome.js';
import { retainMsOf } from './retention.js';
import { sealOf } from './summary.js';

/**
 * Records every step without an outcome, the closing one excepted, as lost: BullMQ gave it up without calling anybody,
 * as its worker died each time. Whoever may still be at it is shut out. A step that has its outcome in custody was not lost: its record was
 * taken away, and that is why the run will fail.
 */
export async function recordLost(deps: RunnerDeps, run: string, closing: string): Promise<void> {
  const view = await deps.reader.get(run);
  const steps = new Set(await unlessBroken(stepsOf(deps, run), undefined));
  for (const step of view?.steps ?? []) {
    if (step.finishedAt !== undefined || step.name === closing || (steps.size > 0 && !steps.has(step.name))) continue;
    const error = await deps.signed.attempts(run, step.name).then(({ ended }) => (ended ? undefined : lostError(step.name)), asBroken);
    if (error !== undefined) await deps.log.finish({ run, step: step.name, fence: takeOver }, lost(deps, step, error));
  }
}

/** Seals a run whose closing step will never run. */
export async function closeLost(deps: RunnerDeps, run: string, closing: string): Promise<void> {
  await recordLost(deps, run, closing);
  const view = await deps.reader.get(run);
  const step = view?.steps.find(({ name }) => name === closing);
  if (step === undefined) return;
  const record = lost(deps, step, lostError(closing));
  const summary = await sealSummary(deps, run, closing, record);
  await deps.log.finish({ run, step: closing, fence: takeOver }, record, summary);
}

/** Ends a run that nobody has asked for, without asking anything of it. */
export async function closeForged(deps: RunnerDeps, run: string, closing: string, error: TriageError): Promise<void> {
  const record = lost(deps, { attempt: 0 }, error);
  await deps.log.finish({ run, step: closing, fence: takeOver }, record, sealOf(new Map([[closing, record]]), record, []));
}

/** What the end of the closing step makes of the run: of one that custody does not confirm, a failure. */
export async function sealSummary(deps: RunnerDeps, run: string, closing: string, record: StepRecord): Promise<ReturnType<typeof sealOf>> {
  const [seal, retainMs] = await Promise.all([sealed(deps, run, closing, record), retentionOf(deps, run)]);
  return retainMs === undefined ? seal : { ...seal, retainMs };
}

function sealed(deps: RunnerDeps, run: string, closing: string, record: StepRecord): Promise<ReturnType<typeof sealOf>> {
  return believed(deps, run, closing, record).catch((raw: unknown) => {
    const error = asBroken(raw);
    deps.alert(error, { run, what: 'a run' });
    const { code, message } = error;
    const broken: StepRecord = { ...record, status: 'failed', error: { code, message } };
    return sealOf(new Map([[closing, broken]]), broken, []);
  });
}

async function believed(deps: RunnerDeps, run: string, closing: string, record: StepRecord): Promise<ReturnType<typeof sealOf>> {
  const outcome = await deps.signed.outcome(run);
  // Redis goes by the flag when it seals: one that nobody has signed is taken away before.
  const cancelled = await isToStop(deps, run, outcome);
  return sealOf(new Map(outcome.records).set(closing, record), record, outcome.artifacts, cancelled);
}

/** The names of the steps as the loaded playbook has them; undefined where it is not the one of the run. */
async function stepsOf({ signed, playbooks }: RunnerDeps, run: string): Promise<readonly string[] | undefined> {
  const { playbook } = await signed.info(run);
  const loaded = playbooks.get(playbook.name);
  return loaded?.sha256 === playbook.sha256 ? loaded.steps.map(({ step }) => step.name) : undefined;
}

function asBroken(error: unknown): TriageError {
  if (error instanceof TriageError && error.code === 'custody-broken') return error;
  throw error;
}

/** What the signed request says; a run that cannot be believed is closed all the same. */
async function retentionOf({ signed }: RunnerDeps, run: string): Promise<number | undefined> {
  const info = await unlessBroken(signed.info(run), undefined);
  return info === undefined ? undefined : retainMsOf(info.request);
}

/** Why a step was given up. */
export function lostError(step: string): TriageError {
  return new TriageError('worker-lost', `step ${step} was given up: each worker that took it died or was lost`);
}

function lost({ clock }: RunnerDeps, { attempt, startedAt }: Pick<StepView, 'attempt' | 'startedAt'>, error: TriageError): StepRecord {
  const finishedAt = clock().toISOString();
  return failed({ attempt, startedAt: startedAt ?? finishedAt, finishedAt }, error);
}
