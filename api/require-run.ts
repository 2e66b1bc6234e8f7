import type { Request } from 'express';
import { TriageError } from '../playbooks/domain/error.js';
import type { RunReader, RunView } from '../store/run-view.js';

/** The run that the path names. Throws `not-found`. */
export async function requireRun(runs: RunReader, req: Request<{ run: string }>): Promise<RunView> {
  const view = await runs.get(req.params.run);
  if (view === undefined) throw new TriageError('not-found', `there is no run ${req.params.run}; GET /api/v1/runs lists them`);
  return view;
}
