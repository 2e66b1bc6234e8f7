import type { Board } from '../playbooks/facts.js';
import { boardOf } from '../playbooks/step.js';
import type { RunReader } from '../store/run-view.js';

/** The board of a run: what its steps have found out so far. */
export async function factsOf(runs: RunReader, run: string): Promise<Board> {
  const records = await runs.records(run);
  return boardOf(Array.from(records.values(), ({ facts }) => facts));
}
