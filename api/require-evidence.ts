import type { Request } from 'express';
import { TriageError } from '../playbooks/domain/error.js';
import type { RunReader, RunView } from '../store/run-view.js';
import { requireRun } from './require-run.js';

/**
 * The run that the path names, if its evidence is still there: what other runs have in common with it is not given away in its name.
 * Throws `not-found`, `evidence-destroyed`.
 */
export async function requireEvidence(runs: RunReader, req: Request<{ run: string }>): Promise<RunView> {
  const view = await requireRun(runs, req);
  const { evidenceDestroyed: destroyed } = view;
  if (destroyed === undefined) return view;
  throw new TriageError(
    'evidence-destroyed',
    `the evidence of run ${view.id} was destroyed at ${destroyed.at} by ${destroyed.by}: ${destroyed.reason}. ` +
      `GET /api/v1/runs/${view.id} shows what is left of its report, and its custody stays`,
  );
}
