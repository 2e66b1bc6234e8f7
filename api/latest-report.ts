import { TriageError } from '../playbooks/domain/error.js';
import type { Facts } from '../playbooks/facts.js';
import type { RunReader, RunView } from '../store/run-view.js';
import { factsOf } from './run-facts.js';
import { whyMissing } from './why-missing.js';

/** The newest version of a run's report: the last amendment's, else the run's own. Throws `not-found`, with the reason, while there is none. */
export async function latestReport(runs: RunReader, view: RunView): Promise<Facts['report']> {
  const { report } = await factsOf(runs, view.id);
  if (report === undefined) throw new TriageError('not-found', whyMissing(view, 'there is no report'));
  const last = view.amendments.at(-1);
  return last === undefined ? report : { ...last.report, version: last.version };
}
