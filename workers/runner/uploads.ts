import type { Job } from 'bullmq';
import { asTriageError } from '../../playbooks/domain/error.js';
import type { UploadFile } from '../../playbooks/domain/upload.js';
import type { RunnerDeps } from './deps.js';
import { isCancelled } from './forged.js';
import { lookupDeadlineMs } from './lookup-deadline.js';
import { handBack, park } from './parking.js';
import type { StepPlan } from './plan.js';
import { probeUploads } from './probe.js';
import { advance } from './upload-file.js';

/**
 * Makes sure that the files which a step wants to have uploaded are sent and analysed, one request at a time. Else the job is parked
 * (by an exception): no worker is held while the quota or an analysis is waited for. May be repeated at every waking.
 */
export async function uploadsThere(deps: RunnerDeps, job: Job, token: string | undefined, plan: StepPlan, signal: AbortSignal): Promise<void> {
  const { clock, log, ports, timings, uploads } = deps;
  const { intel } = ports;
  const run = plan.info.id;
  const step = plan.step.step.name;
  if (intel?.uploads === undefined || plan.step.step.unless?.(plan.info.request) !== undefined) return;
  const files = await probeUploads(deps, plan, signal);
  const waitMs = lookupDeadlineMs(deps, plan);
  if (files.length === 0 || waitMs === 0) return;
  const deadline = Date.parse(await uploads.since(run, clock().toISOString())) + waitMs;
  // Nothing is sent that the run would not wait for.
  if (clock().getTime() >= deadline) return;
  const due: number[] = [];
  try {
    for (const file of await open(deps, run, files)) {
      if (await isOver(deps, run, step)) return;
      const next = await advance({ deps, intel, uploads: intel.uploads, info: plan.info, file, signal });
      if (next !== undefined) due.push(next);
    }
  } catch (error) {
    return stopped(job, token, signal, timings.parkMs, error);
  }
  const now = clock().getTime();
  if (due.length === 0 || now >= deadline) return;
  // When an analysis is complete nobody can tell; at the deadline the run goes on in any case.
  await log.waiting(run, step, { for: 'quota', eta: new Date(deadline).toISOString() });
  return park(job, token, Math.max(timings.parkMs, Math.min(deadline, ...due) - now));
}

/** Whether nothing more is to be sent for a step; what Redis says of a cancel is not believed without its entry. */
async function isOver(deps: RunnerDeps, run: string, step: string): Promise<boolean> {
  const state = await deps.log.peek(run, step);
  return state === 'cancelled' ? isCancelled(deps, run) : state !== 'open';
}

/** Those of which nothing has become yet. */
async function open({ uploads }: RunnerDeps, run: string, files: readonly UploadFile[]): Promise<readonly UploadFile[]> {
  const outcomes = await uploads.outcomes(run, files);
  return files.filter(({ sha256 }) => !outcomes.has(sha256));
}

function stopped(job: Job, token: string | undefined, signal: AbortSignal, parkMs: number, raw: unknown): Promise<never> {
  const why = signal.aborted ? asTriageError(signal.reason).code : undefined;
  if (why === 'cancelled') return handBack(job, token);
  if (why === 'timeout') return park(job, token, parkMs);
  throw raw;
}
