import type { Job, Processor } from 'bullmq';
import { z } from 'zod';
import { afterMs } from '../../playbooks/domain/abort.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { amendRun } from './amend.js';
import { lookAfterRun } from './amend-watch.js';
import type { RunnerDeps } from './deps.js';
import { handBack } from './parking.js';

const amendmentJobSchema = z.object({ run: z.string() });
const timeoutMs = 10 * 60_000;

/** Makes the function that BullMQ calls to amend a sealed run. What fails is tried again, in the end by the reconciler's asking. */
export function amendmentProcessor(deps: RunnerDeps): Processor {
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const { run } = amendmentJobSchema.parse(job.data);
    const timeout = afterMs(timeoutMs);
    try {
      await amendRun(deps, run, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
      // An answer that came while this version was made asked for this very job, and was not heard.
      await lookAfterRun(deps, run);
    } catch (err) {
      if (signal?.reason === 'shutdown') return handBack(job, token);
      if (err instanceof TriageError && err.code === 'custody-broken') deps.alert(err, { run, what: 'a run' });
      deps.logger.warn({ err, run }, 'a report could not be amended');
      throw err;
    }
  };
}
