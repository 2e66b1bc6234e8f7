import picocolors from 'picocolors';
import type { Batch } from '../batch-types.js';
import { countsText, doneOf, etaText } from './batch-text.js';

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
export class LiveBatchDisplay implements BatchDisplay {
  readonly #colors = picocolors.createColors(true);
  #timer: NodeJS.Timeout | undefined;
  #drawn = 0;
  #held = false;
  #batch: Batch | undefined;

  constructor(
    private readonly write: (text: string) => void,
    private readonly columns: () => number,
  ) {}

  show(batch: Batch): void {
    this.#batch = batch;
    // The time that is left goes by between two answers.
    this.#timer ??= setInterval(() => this.#draw(), frameMs);
    this.#draw();
  }

  say(line: string): void {
    this.#erase();
    this.write(`${line}\n`);
    this.#draw();
  }

  hold(held: boolean): void {
    this.#held = held;
    if (held) this.#drawn = 0;
    else this.#draw();
  }

  close(): void {
    this.#draw();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#batch = undefined;
  }

  #draw(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#held) return;
    const lines = [this.#bar(batch), `  ${countsText(batch)}`];
    const eta = etaText(batch, Date.now());
    if (eta !== undefined) lines.push(`  ${eta}`);
    this.#erase();
    // Cut to the width of the terminal: a line that wraps would be counted as one and not be erased.
    const room = Math.max(20, this.columns() - 1);
    const [bar = '', ...rest] = lines;
    this.write([bar, ...rest.map((line) => line.slice(0, room))].map((line) => `${line}\n`).join(''));
    this.#drawn = lines.length;
  }

  #bar(batch: Batch): string {
    const { done, all } = doneOf(batch) ?? { done: 0, all: 0 };
    const filled = all === 0 ? 0 : Math.round((done / all) * barWidth);
    const { green, dim, yellow } = this.#colors;
    const state = batch.state === 'running' ? batch.state : yellow(batch.state);
    return `  ${green('█'.repeat(filled))}${dim('░'.repeat(barWidth - filled))} ${done}/${all} ${state}`;
  }

  #erase(): void {
    if (this.#drawn > 0) this.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
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
