import { endStates } from '../playbooks/domain/run.js';
import type { RunView } from '../store/run-view.js';

/** Says why something that a step writes is not there, and whether it may still come. */
export function whyMissing(view: RunView, what: string): string {
  const steps = view.steps.map(({ name, state, error }) => (error === undefined ? `${name} ${state}` : `${name} ${state} (${error.message})`));
  const outlook = endStates.has(view.state) ? `the run is ${view.state} and will not do it` : `the run is ${view.state}, it may still come`;
  return `${what}: ${outlook}. Steps: ${steps.join(', ')}`;
}
