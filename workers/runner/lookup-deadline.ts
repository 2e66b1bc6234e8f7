import type { RunnerDeps } from './deps.js';
import type { StepPlan } from './plan.js';

/** How long a run waits for its answers, and after that for its uploads, before it goes on without them. */
export function lookupDeadlineMs({ timings }: RunnerDeps, { info }: Pick<StepPlan, 'info'>): number {
  const { priority, lookups } = info.request.options;
  if (lookups.deadlineSeconds !== undefined) return lookups.deadlineSeconds * 1_000;
  return priority === 'interactive' ? timings.lookupDeadlineMs.interactive : timings.lookupDeadlineMs.other;
}
