import type { Logger } from 'pino';
import type { BatchRequest, BatchState } from '../../playbooks/domain/batch.js';
import type { BatchTarget } from '../../playbooks/fleet/target.js';
import type { Alert } from '../../store/alert.js';
import type { RedisBatches, StoredBatch } from '../../store/batches.js';
import type { BatchJobs } from '../../store/batches-jobs.js';
import type { BatchTargets } from '../../store/batches-targets.js';
import type { Plan } from '../../store/batches-view.js';
import type { RunCommander } from '../../store/run-view.js';

/** What goes through batches works with. */
export interface DispatchDeps {
  readonly batches: RedisBatches;
  readonly targets: BatchTargets;
  readonly jobs: BatchJobs;
  readonly commander: RunCommander;
  /** What a dry run says. */
  readonly plan: (request: BatchRequest, pods: readonly BatchTarget[]) => Promise<Plan>;
  /** Tells those who wait for it that a batch has ended; each once, however often it is called. */
  readonly tell: (batch: StoredBatch, state: BatchState, at: string) => Promise<void>;
  readonly alert: Alert;
  readonly logger: Logger;
  readonly clock: () => Date;
}
