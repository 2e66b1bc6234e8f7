import type { Run } from '../api-types.js';

/** What each step found out, in words, by its name. */
export type Notes = ReadonlyMap<string, string>;

/** Shows how a run goes on. */
export interface Display {
  show(run: Run, notes: Notes): void;
  /** A line that stays. */
  say(line: string): void;
  /** Stops or takes up drawing: somebody is being asked something. */
  hold?(held: boolean): void;
  close?(): void;
}
