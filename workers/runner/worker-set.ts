import { type Job, type Processor, Worker, type WorkerOptions } from 'bullmq';
import { amendmentQueue } from '../../store/amendments.js';
import { expandQueue, fleetQueue } from '../../store/batches-jobs.js';
import { resolveQueue } from '../../store/container-alerts.js';
import { deliveryQueue } from '../../store/deliveries.js';
import { lookupQueue } from '../../store/lookup-desk.js';
import { queueName, type StepJob } from '../../store/queues.js';
import type { RedisEndpoint } from '../../store/redis.js';
import { amendmentProcessor } from './amendments.js';
import { deliveryProcessor } from './deliver.js';
import type { RunnerDeps } from './deps.js';
import { expandProcessor } from './expand.js';
import { fleetProcessor } from './fleet.js';
import { stepOf } from './forged.js';
import { lookupProcessor } from './lookups.js';
import { stepProcessor } from './processor.js';
import { reconcileProcessor, reconcileQueue } from './reconciler.js';
import { resolveProcessor } from './resolve.js';

/** How many jobs of a kind one process works on at once. */
export interface Concurrency {
  readonly cluster: number;
  readonly node: number;
  readonly intel: number;
  readonly evidence: number;
  readonly lookups: number;
  readonly deliveries: number;
}

const defaultConcurrency: Concurrency = { cluster: 8, node: 8, intel: 8, evidence: 4, lookups: 4, deliveries: 16 };

/** BullMQ counts losses over a job's whole life, also while it only looked whether it may begin; what began is counted by the run's log. */
const stallsPerLoss = 20;

/** Where the workers of a process take their jobs. */
export interface WorkerSetOptions {
  readonly connection: RedisEndpoint;
  readonly prefix: string;
  readonly clusters: readonly string[];
  readonly concurrency: Partial<Concurrency>;
}

/** The BullMQ workers of one process. */
export class WorkerSet {
  private workers: Worker[] = [];

  constructor(
    private readonly deps: RunnerDeps,
    private readonly options: WorkerSetOptions,
  ) {}

  async start(): Promise<void> {
    const { deps, options } = this;
    const concurrency = { ...defaultConcurrency, ...options.concurrency };
    const steps = stepProcessor(deps);
    for (const kind of ['cluster', 'node'] as const)
      for (const cluster of options.clusters) this.add(queueName(kind, cluster), steps, { concurrency: concurrency[kind] });
    for (const kind of ['intel', 'evidence'] as const) this.add(kind, steps, { concurrency: concurrency[kind] });
    if (deps.ports.intel !== undefined) {
      // queue.rateLimit() does nothing unless the worker has a limiter; this one limits nothing by itself.
      this.add(lookupQueue, lookupProcessor(deps, deps.ports.intel), { concurrency: concurrency.lookups, limiter: { max: 1e9, duration: 1_000 } });
    }
    if (deps.ports.endpoints !== undefined) this.add(deliveryQueue, deliveryProcessor(deps), { concurrency: concurrency.deliveries });
    const { pods } = deps.ports;
    if (pods !== undefined) for (const cluster of options.clusters) this.add(resolveQueue(cluster), resolveProcessor(deps, pods), { concurrency: 8 });
    if (pods !== undefined)
      for (const cluster of options.clusters) this.add(expandQueue(cluster), expandProcessor(deps, cluster, pods), { concurrency: 2 });
    this.add(fleetQueue, fleetProcessor(deps), { concurrency: 1 });
    this.add(amendmentQueue, amendmentProcessor(deps), { concurrency: 2 });
    this.add(reconcileQueue, reconcileProcessor(deps), {});
    await Promise.all(this.workers.map((worker) => worker.waitUntilReady()));
    const once = { removeOnComplete: true, removeOnFail: true };
    await deps.queues.get(reconcileQueue).upsertJobScheduler('reconcile', { every: deps.timings.reconcileMs }, { name: 'reconcile', opts: once });
  }

  /** Whether all of them take jobs. */
  get running(): boolean {
    return this.workers.length > 0 && this.workers.every((worker) => worker.isRunning() && !worker.isPaused());
  }

  /** Takes no new jobs, hands the active ones back, and closes; by force when the deadline has passed. */
  async stop(deadlineMs: number): Promise<void> {
    const drained = Promise.all(this.workers.map((worker) => worker.pause()));
    // More than once: a job may have been on its way here when the first call came.
    const again = setInterval(() => this.handBackAll(), 200);
    this.handBackAll();
    const what = await Promise.race([drained, late(deadlineMs)]);
    clearInterval(again);
    await Promise.all(this.workers.map((worker) => worker.close(what === 'late')));
    this.workers = [];
  }

  private handBackAll(): void {
    for (const worker of this.workers) worker.cancelAllJobs('shutdown');
  }

  private add(name: string, processor: Processor, own: Pick<WorkerOptions, 'concurrency' | 'limiter'>): void {
    const { timings, logger, metrics } = this.deps;
    const worker = new Worker(name, processor, {
      connection: this.options.connection,
      prefix: this.options.prefix,
      lockDuration: timings.lockMs,
      stalledInterval: timings.stalledMs,
      maxStalledCount: timings.maxStalledCount * stallsPerLoss,
      drainDelay: timings.drainSeconds,
      runRetryDelay: 1_000,
      ...own,
    });
    worker.on('error', (err) => logger.debug({ err, queue: name }, 'worker'));
    worker.on('completed', () => metrics.jobEnded(name, 'completed'));
    worker.on('failed', (job: Job | undefined, err) => {
      metrics.jobEnded(name, 'failed');
      logger.debug({ err, queue: name, job: job?.id, ...placeOf(job) }, 'attempt failed');
    });
    worker.on('lockRenewalFailed', (ids) => ids.forEach((id) => worker.cancelJob(id, 'lock-lost')));
    this.workers.push(worker);
  }
}

/** Of a step's job, so that all lines about a run can be found by it. */
function placeOf(job: Job | undefined): Partial<StepJob> {
  const named = job === undefined ? undefined : stepOf(job);
  return named ?? {};
}

function late(ms: number): Promise<'late'> {
  return new Promise((resolve) => {
    setTimeout(() => resolve('late'), ms).unref();
  });
}
