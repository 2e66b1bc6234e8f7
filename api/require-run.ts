import type { Request } from 'express';
import { reaches } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { RunReader, RunView } from '../store/run-view.js';
import { callerOf } from './caller.js';

/** The run that the path names. Throws `not-found`, also where the caller may not know that there is such a run. */
export async function requireRun(runs: RunReader, req: Request<{ run: string }>): Promise<RunView> {
  const view = await runs.get(req.params.run);
  if (view === undefined || !reaches(callerOf(req).reach, view.request.target))
    throw new TriageError('not-found', `there is no run ${req.params.run}; GET /api/v1/runs lists them`);
  return view;
}
