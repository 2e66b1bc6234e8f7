import picocolors from 'picocolors';
import type { Batch } from '../batch-types.js';
import { countsText, doneOf, etaText } from './batch-text.js';
import { Redrawn } from './redrawn.js';

/** Shows how a batch goes on. */
export interface BatchDisplay {
  show(batch: Batch): void;
  /** A line that stays. */
  say(line: string): void;
  /** Stops or takes up drawing: somebody is being asked something. */
  hold(held: boolean): void;
  close(): void;
}

const barWidth = 30;
const frameMs = 500;

/** A bar and counts, redrawn in place: for a person at a terminal. */
export class LiveBatchDisplay extends Redrawn implements BatchDisplay {
  readonly #colors = picocolors.createColors(true);
  #batch: Batch | undefined;

  constructor(
    write: (text: string) => void,
    private readonly columns: () => number,
  ) {
    // The time that is left goes by between two answers.
    super(write, frameMs);
  }

  show(batch: Batch): void {
    this.#batch = batch;
    this.draw();
  }

  protected override lines(): string[] {
    const batch = this.#batch;
    if (batch === undefined) return [];
    const eta = etaText(batch, Date.now());
    const room = Math.max(20, this.columns() - 1);
    const rest = [`  ${countsText(batch)}`, ...(eta === undefined ? [] : [`  ${eta}`])];
    return [this.#bar(batch), ...rest.map((line) => line.slice(0, room))];
  }

  #bar(batch: Batch): string {
    const { done, all } = doneOf(batch) ?? { done: 0, all: 0 };
    const filled = all === 0 ? 0 : Math.round((done / all) * barWidth);
    const { green, dim, yellow } = this.#colors;
    const state = batch.state === 'running' ? batch.state : yellow(batch.state);
    return `  ${green('█'.repeat(filled))}${dim('░'.repeat(barWidth - filled))} ${done}/${all} ${state}`;
  }
}

/** A line for each state and each tenth of the pods: for logs, pipes and terminals that cannot be redrawn. */
export class LineBatchDisplay implements BatchDisplay {
  #said = '';

  constructor(private readonly write: (text: string) => void) {}

  show(batch: Batch): void {
    const { done, all } = doneOf(batch) ?? { done: 0, all: 0 };
    const key = `${batch.state} ${all === 0 ? 0 : Math.floor((done / all) * 10)}`;
    if (key === this.#said) return;
    this.#said = key;
    this.say(`${batch.state}: ${countsText(batch)}`);
  }

  say(line: string): void {
    this.write(`${line}\n`);
  }

  hold(): void {
    // Nothing is redrawn.
  }

  close(): void {
    // Nothing is left to be drawn.
  }
}
