import { TriageError } from '../../playbooks/domain/error.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import { takeOver } from '../../store/run-log.js';
import type { StepView } from '../../store/run-view.js';
import type { RunnerDeps } from './deps.js';
import { failed } from './outcome.js';
import { sealOf } from './summary.js';

/**
 * Records every step without an outcome, the closing one excepted, as lost: BullMQ gave it up without calling anybody,
 * as its worker died each time. Whoever may still be at it is shut out.
 */
export async function recordLost(deps: RunnerDeps, run: string, closing: string): Promise<void> {
  const view = await deps.reader.get(run);
  for (const step of view?.steps ?? []) {
    if (step.finishedAt === undefined && step.name !== closing) await deps.log.finish({ run, step: step.name, fence: takeOver }, lost(deps, step));
  }
}

/** Seals a run whose closing step will never run. */
export async function closeLost(deps: RunnerDeps, run: string, closing: string): Promise<void> {
  await recordLost(deps, run, closing);
  const view = await deps.reader.get(run);
  const step = view?.steps.find(({ name }) => name === closing);
  if (step === undefined) return;
  const record = lost(deps, step);
  const summary = await sealSummary(deps, run, closing, record);
  await deps.log.finish({ run, step: closing, fence: takeOver }, record, summary);
}

/** What the end of the closing step makes of the run. */
export async function sealSummary(deps: RunnerDeps, run: string, closing: string, record: StepRecord): Promise<ReturnType<typeof sealOf>> {
  const records = new Map(await deps.reader.records(run)).set(closing, record);
  return sealOf(records, record, await deps.reader.artifacts(run));
}

/** Why a step was given up. */
export function lostError(step: string): TriageError {
  return new TriageError('worker-lost', `step ${step} was given up: each worker that took it died or was lost`);
}

function lost({ clock }: RunnerDeps, { name, attempt, startedAt }: StepView): StepRecord {
  const finishedAt = clock().toISOString();
  return failed({ attempt, startedAt: startedAt ?? finishedAt, finishedAt }, lostError(name));
}
