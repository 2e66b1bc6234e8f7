import { endStates } from '../playbooks/domain/run.js';
import type { RunView } from '../store/run-view.js';

/** Says why something that a step writes is not there, and whether it may still come. */
export function whyMissing(view: RunView, what: string): string {
  const outlook = endStates.has(view.state) ? `the run is ${view.state} and will not do it` : `the run is ${view.state}, it may still come`;
  const steps = view.steps.map(({ name, state }) => `${name} ${state}`).join(', ');
  const failed = view.steps.find(({ error }) => error !== undefined);
  return `${what}: ${outlook}. Steps: ${steps}${failed === undefined ? '' : `. First failure, ${failed.name}: ${failed.error?.message ?? ''}`}`;
}
