import { displayText } from '../../playbooks/domain/path-name.js';
import type { Run, StepStatus } from '../api-types.js';
import type { Display, Notes } from './display.js';
import { securedText, stepText, waitText } from './step-text.js';
import { hasMoved } from './time-text.js';

/** One line for each thing that has changed: for logs, pipes and terminals that cannot be redrawn. */
export class LineDisplay implements Display {
  readonly #seen = new Map<string, string>();
  #waiting: Run['waitingFor'];
  #secured = false;

  constructor(
    private readonly write: (text: string) => void,
    private readonly clock: () => number = Date.now,
  ) {}

  show(run: Run, notes: Notes): void {
    for (const step of run.steps) this.#showStep(step, notes.get(step.name));
    this.#showWait(run);
    if (run.milestones.acquisitionFinished !== undefined && !this.#secured) {
      this.#secured = true;
      this.say(securedText);
    }
  }

  say(line: string): void {
    this.write(`${line}\n`);
  }

  /** Says what the run waits for when that is new, or when the time expected has moved by more than a minute. */
  #showWait(run: Run): void {
    const { waitingFor } = run;
    const before = this.#waiting;
    if (waitingFor !== undefined && before !== undefined && waitingFor.for === before.for && !hasMoved(before.eta, waitingFor.eta)) return;
    this.#waiting = waitingFor;
    const waiting = waitText(run, this.clock());
    if (waiting !== undefined) this.say(waiting);
  }

  #showStep(step: StepStatus, note: string | undefined): void {
    const key = `${step.state} ${step.attempt}`;
    const before = this.#seen.get(step.name);
    this.#seen.set(step.name, key);
    if (before === key || (before === undefined && step.state === 'pending')) return;
    const found = step.state === 'succeeded' && note !== undefined && note !== '' ? `: ${note}` : '';
    this.say(`${displayText(step.name)}: ${stepText(step, this.clock())}${found}`);
  }
}
