import { Counter, Histogram, type Registry } from 'prom-client';
import type { ErrorCode } from '../playbooks/domain/error.js';
import type { StepRecord } from '../playbooks/domain/run.js';

/** What workers count of their own work. Steps are named as the playbooks have them, never as something in Redis does. */
export interface RunnerMetrics {
  /** A step has its outcome. */
  stepEnded(step: string, record: Pick<StepRecord, 'status' | 'startedAt' | 'finishedAt'>): void;
  /** An attempt has failed and another one will be made. */
  retried(step: string, code: ErrorCode): void;
  /** What an attempt wanted to write down was refused, as a newer one has begun or the step has its outcome. */
  lateWrite(step: string): void;
  /** Bytes of the target that were recorded as artifacts: `moved` came to the store, `known` it had already, `left` stayed where they were. */
  acquired(what: 'moved' | 'known' | 'left', bytes: number): void;
  /** A job of a queue is done, or an attempt at it has failed. */
  jobEnded(queue: string, outcome: 'completed' | 'failed'): void;
}

/** From a round trip to Redis to an hour of hashing, in seconds. */
const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

/** Counts nothing. */
export const noMetrics: RunnerMetrics = {
  stepEnded: () => undefined,
  retried: () => undefined,
  lateWrite: () => undefined,
  acquired: () => undefined,
  jobEnded: () => undefined,
};

/** Counts into a registry. */
export function runnerMetrics(registry: Registry): RunnerMetrics {
  const registers = [registry];
  const duration = new Histogram({
    name: 'podtriage_step_duration_seconds',
    help: 'How long the last attempt at a step took, by step and outcome.',
    labelNames: ['step', 'status'],
    buckets,
    registers,
  });
  const counter = (name: string, help: string, labelNames: readonly string[]): Counter => new Counter({ name, help, labelNames, registers });
  const retries = counter('podtriage_step_retries_total', 'Attempts at a step that failed and were made again, by step and error code.', [
    'step',
    'code',
  ]);
  const late = counter(
    'podtriage_late_writes_refused_total',
    'Results that were refused, as a newer attempt at the step had begun or it had its outcome.',
    ['step'],
  );
  const bytes = counter(
    'podtriage_acquired_bytes_total',
    'Bytes of artifacts by what became of them: moved to the evidence store, known to it, or left.',
    ['what'],
  );
  const jobs = counter('podtriage_jobs_ended_total', 'Jobs of a queue that are done, and attempts at them that failed.', ['queue', 'outcome']);
  return {
    stepEnded: (step, { status, startedAt, finishedAt }) =>
      duration.observe({ step, status }, Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000),
    retried: (step, code) => retries.inc({ step, code }),
    lateWrite: (step) => late.inc({ step }),
    acquired: (what, count) => bytes.inc({ what }, count),
    jobEnded: (queue, outcome) => jobs.inc({ queue, outcome }),
  };
}
