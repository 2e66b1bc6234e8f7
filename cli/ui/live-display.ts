import picocolors from 'picocolors';
import { displayText } from '../../playbooks/domain/path-name.js';
import { endStates } from '../../playbooks/domain/run.js';
import type { Run, StepStatus } from '../api-types.js';
import type { Display, Notes } from './display.js';
import { Redrawn } from './redrawn.js';
import { securedText, stepText, waitText } from './step-text.js';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;

/** The list of steps, redrawn in place: for a person at a terminal. */
export class LiveDisplay extends Redrawn implements Display {
  readonly #colors = picocolors.createColors(true);
  #frame = 0;
  #run: Run | undefined;
  #notes: Notes = new Map();

  constructor(
    write: (text: string) => void,
    private readonly columns: () => number,
  ) {
    super(write, frameMs);
  }

  show(run: Run, notes: Notes): void {
    this.#run = run;
    this.#notes = notes;
    this.draw();
  }

  protected override lines(): string[] {
    const run = this.#run;
    if (run === undefined) return [];
    this.#frame += 1;
    const lines = run.steps.map((step) => this.#stepLine(step));
    if (run.milestones.acquisitionFinished !== undefined) lines.push(this.#colors.green(`  ${securedText}`));
    const waiting = waitText(run, Date.now());
    if (waiting !== undefined && !endStates.has(run.state)) lines.push(this.#colors.yellow(`  ${waiting}`));
    return lines;
  }

  /** Cut to the width of the terminal. */
  #stepLine(step: StepStatus): string {
    const note = step.state === 'succeeded' ? (this.#notes.get(step.name) ?? '') : '';
    const text = `${displayText(step.name).padEnd(18)} ${stepText(step, Date.now())}${note === '' ? '' : `  ${note}`}`;
    const room = Math.max(10, this.columns() - 5);
    return `  ${this.#mark(step)} ${Array.from(text).slice(0, room).join('')}`;
  }

  #mark({ state }: StepStatus): string {
    const { green, red, yellow, dim, cyan } = this.#colors;
    switch (state) {
      case 'succeeded':
        return green('✓');
      case 'failed':
        return red('✗');
      case 'skipped':
        return yellow('-');
      case 'running':
        return cyan(frames[this.#frame % frames.length] ?? '');
      case 'waiting':
        return yellow('…');
      case 'pending':
        return dim('·');
    }
  }
}
