import type { Change } from '../domain/change.js';
import type { Process } from '../domain/process.js';

/** `at-start`: while the container set itself up; `later`: after that. */
export const phases = ['at-start', 'later'] as const;
export type Phase = (typeof phases)[number];

/** What a container writes so long after its start is none of its setting up, in ms. */
const longestSetUp = 60_000;
/** The same of a container that runs one process alone, which does not tell when it was done. */
const setUpAlone = 10_000;
/** The kernel gives the node's boot in whole seconds: a process may have started so much later than its listing says, in ms. */
const clockError = 1_000;

interface Times {
  /** Of the container's first process; in ms since 1970, as all here. */
  start: number;
  /** Of the first process that it has besides. */
  second: number;
}

/**
 * When the containers of a run started and were set up, by their processes: the kernel's word, which nobody in a container can change. A server
 * that renders its own configuration does so before it starts the processes that read it. Where no process is listed, by the placeholders that
 * the runtime made; then nothing is known of the setting up but its longest time.
 */
export class ContainerTimes {
  readonly #times = new Map<string, Times>();

  constructor(changes: Iterable<Change>, processes: Iterable<Process>) {
    for (const { containerId, startedAt } of processes) this.#take(containerId, Date.parse(startedAt));
    const byProcesses = new Set(this.#times.keys());
    for (const { containerId, origin, ctime } of changes) {
      if (origin === 'container' || ctime === undefined || byProcesses.has(containerId)) continue;
      const made = Date.parse(ctime);
      this.#times.set(containerId, { start: Math.min(made, this.#times.get(containerId)?.start ?? Infinity), second: Infinity });
    }
  }

  #take(containerId: string, at: number): void {
    const { start = Infinity, second = Infinity } = this.#times.get(containerId) ?? {};
    this.#times.set(containerId, { start: Math.min(start, at), second: at < start ? start : Math.min(second, at) });
  }

  /** In ms since 1970; undefined where nothing tells. */
  startOf(containerId: string): number | undefined {
    return this.#times.get(containerId)?.start;
  }

  /** Which phase of a container a moment falls into; undefined where its start is not known. */
  phaseOf(containerId: string, at: string | undefined): Phase | undefined {
    const times = this.#times.get(containerId);
    if (times === undefined || at === undefined) return undefined;
    const ready = times.second === Infinity ? times.start + setUpAlone : Math.min(times.start + longestSetUp, times.second);
    return Date.parse(at) <= ready + clockError ? 'at-start' : 'later';
  }
}
