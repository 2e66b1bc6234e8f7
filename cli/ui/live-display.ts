import picocolors from 'picocolors';
import { displayText } from '../../playbooks/domain/path-name.js';
import { endStates } from '../../playbooks/domain/run.js';
import type { Run, StepStatus } from '../api-types.js';
import type { Display, Notes } from './display.js';
import { securedText, stepText, waitText } from './step-text.js';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;

/** The list of steps, redrawn in place: for a person at a terminal. */
export class LiveDisplay implements Display {
  readonly #colors = picocolors.createColors(true);
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #drawn = 0;
  #held = false;
  #run: Run | undefined;
  #notes: Notes = new Map();

  constructor(
    private readonly write: (text: string) => void,
    private readonly columns: () => number,
  ) {}

  show(run: Run, notes: Notes): void {
    this.#run = run;
    this.#notes = notes;
    this.#timer ??= setInterval(() => this.#draw(), frameMs);
    this.#draw();
  }

  say(line: string): void {
    this.#erase();
    this.write(`${line}\n`);
    this.#draw();
  }

  hold(held: boolean): void {
    clearInterval(this.#timer);
    this.#timer = held ? undefined : setInterval(() => this.#draw(), frameMs);
    this.#held = held;
    // What stands on the screen now stays there.
    if (held) this.#drawn = 0;
  }

  close(): void {
    this.#draw();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#run = undefined;
  }

  #draw(): void {
    const run = this.#run;
    if (run === undefined || this.#held) return;
    this.#frame += 1;
    const lines = run.steps.map((step) => this.#stepLine(step));
    if (run.milestones.acquisitionFinished !== undefined) lines.push(this.#colors.green(`  ${securedText}`));
    const waiting = waitText(run, Date.now());
    if (waiting !== undefined && !endStates.has(run.state)) lines.push(this.#colors.yellow(`  ${waiting}`));
    this.#erase();
    this.write(lines.map((line) => `${line}\n`).join(''));
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }

  /** Cut to the width of the terminal: a line that wraps would be counted as one and not be erased. */
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
