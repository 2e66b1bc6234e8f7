import { byText } from '../domain/by-text.js';
import type { Change } from '../domain/change.js';
import type { Process } from '../domain/process.js';
import type { Verdict } from '../domain/verdict.js';
import type { GroupOf } from './change-rows.js';
import type { Known } from './known.js';
import { maxRowBytes, maxRows, type Rows } from './rows.js';
import { addChange, type Event, factsOf, levelsOf, processRow, RowEvent } from './timeline-events.js';
import { chosenRows, type TimelineRow } from './timeline-row.js';

/** What a timeline is made of. */
export interface TimelineInput {
  /** By path. */
  readonly changes: readonly Change[];
  /** By process id. */
  readonly processes: readonly Process[];
  /** Rows of our own acts, in the order of the chain. */
  readonly acts: readonly TimelineRow[];
  readonly findings: Verdict['findings'];
  readonly known: Known;
  readonly groupOf: GroupOf;
}

/**
 * The pod's files and processes and what we did, in the order of their times; of equal times files come first, then processes. Sorting holds an
 * event for each time of a path in memory, some 100 bytes, beside the listing that it comes from; both are bounded by the run's limit of changes.
 */
export class Timeline {
  readonly #events: readonly Event[];
  readonly #known: Known;

  constructor(input: TimelineInput) {
    const levels = levelsOf(input.findings);
    const events: Event[] = [];
    for (const change of input.changes) addChange(events, change, factsOf(change, input.groupOf, levels));
    for (const process of input.processes) events.push(new RowEvent(processRow(process, levels)));
    for (const act of input.acts) events.push(new RowEvent(act));
    // Sorting is stable: equal times stay in the order above.
    this.#events = events.sort(byTime);
    this.#known = input.known;
  }

  get total(): number {
    return this.#events.length;
  }

  /** All rows in order, made one by one. */
  *rows(): Generator<TimelineRow> {
    for (const event of this.#events) yield event.row(this.#known);
  }

  /** The rows that a report can hold: all, or those that tell most; in order. */
  part(): Rows<TimelineRow> {
    let count = 0;
    let bytes = 0;
    const chosen = chosenRows(this.#events, (event) => {
      count += 1;
      bytes += Buffer.byteLength(JSON.stringify(event.row(this.#known)));
      return count <= maxRows && bytes <= maxRowBytes;
    });
    return { total: this.total, complete: chosen.length === this.total, rows: chosen.map((event) => event.row(this.#known)) };
  }
}

function byTime(a: Event, b: Event): number {
  if (a.ms !== b.ms) return a.ms - b.ms;
  return a.at === b.at ? 0 : byText(timeKey(a.at), timeKey(b.at));
}

/** A time as text that sorts as times do: fractions of all lengths become nine digits. */
function timeKey(at: string): string {
  const [, seconds = at, fraction = ''] = /^([^.Z]*)(?:\.(\d+))?Z$/.exec(at) ?? [];
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}
