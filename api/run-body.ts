import type { RunView, StepView } from '../store/run-view.js';

type StepBody = Omit<StepView, 'gaps' | 'limits' | 'facts'>;

/** A run with its steps; their facts, gaps and limits can be large and have their own resource. */
export function runBody(view: RunView): Omit<RunView, 'steps'> & { readonly steps: readonly StepBody[] } {
  return { ...view, steps: view.steps.map((step) => without(step, ['gaps', 'limits', 'facts'])) };
}

function without<T extends object, K extends keyof T & string>(value: T, names: readonly K[]): Omit<T, K> {
  const kept = Object.entries(value).filter(([name]) => !(names as readonly string[]).includes(name));
  return Object.fromEntries(kept) as Omit<T, K>;
}
