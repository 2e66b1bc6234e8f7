import { Counter, Gauge, type Registry } from 'prom-client';
import type { IntakeKind } from '../playbooks/domain/trigger.js';
import { within } from '../store/of-redis.js';
import type { ServiceState } from '../store/service-state.js';
import type { Outcome } from './intake/desk.js';

/** What was read is given again for so long, in milliseconds, however many ask. */
const freshMs = 5_000;

/** Prometheus waits for 10 s. */
const readWithinMs = 4_000;

/** The quota's windows, as labels. */
const windows = ['minute', 'day', 'month'] as const;

type Fill = (gauge: Gauge, state: ServiceState) => void;

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly fill: Fill;
}

const definitions: readonly Definition[] = [
  {
    name: 'podtriage_runs',
    help: 'Runs by state. "other" are open runs beyond the first 10,000, whose state was not read.',
    labelNames: ['state'],
    fill: (gauge, { runs }) => runs.forEach((count, state) => gauge.set({ state }, count)),
  },
  {
    name: 'podtriage_queue_jobs',
    help: 'Jobs of a queue that wait for a worker, are worked on, or are parked until something is free or a time has come.',
    labelNames: ['queue', 'state'],
    fill: (gauge, { queues }) => {
      for (const { name, jobs } of queues) for (const [state, count] of Object.entries(jobs)) gauge.set({ queue: name, state }, count);
    },
  },
  {
    name: 'podtriage_queue_oldest_job_age_seconds',
    help: 'Time since the oldest job that waits for a worker was added; a step is added when its run is asked for. 0 where none waits.',
    labelNames: ['queue'],
    fill: (gauge, { queues }) => {
      for (const { name, oldestSeconds = 0 } of queues) gauge.set({ queue: name }, oldestSeconds);
    },
  },
  {
    name: 'podtriage_deliveries',
    help: 'Deliveries by state: pending ones are tried, dead ones nobody tries any more.',
    labelNames: ['state'],
    fill: (gauge, { deliveries }) => deliveries.forEach((count, state) => gauge.set({ state }, count)),
  },
  {
    name: 'podtriage_quota_limit_requests',
    help: 'Requests that a key of the intelligence source may make in a window.',
    labelNames: ['key', 'window'],
    fill: (gauge, { quota }) => {
      for (const { key, limits } of quota) for (const window of windows) gauge.set({ key, window }, limits[window]);
    },
  },
  {
    name: 'podtriage_quota_remaining_requests',
    help: 'Requests that a key of the intelligence source has left in a window.',
    labelNames: ['key', 'window'],
    fill: (gauge, { quota }) => {
      for (const { key, limits, used } of quota) for (const window of windows) gauge.set({ key, window }, Math.max(0, limits[window] - used[window]));
    },
  },
];

/**
 * Puts what Redis knows of the installation into a registry. It is read when somebody asks, at most once in 5 s; where it cannot be read,
 * `podtriage_store_up` is 0 and the others have no values, as old numbers would look like new ones.
 */
export function registerServiceState(registry: Registry, read: () => Promise<ServiceState>): void {
  const state = cached(read);
  const up = new Gauge({
    name: 'podtriage_store_up',
    help: '1 when Redis told how the installation stands, else 0.',
    registers: [registry],
    async collect() {
      up.set((await state()) === undefined ? 0 : 1);
    },
  });
  for (const { name, help, labelNames, fill } of definitions) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const now = await state();
        gauge.reset();
        if (now !== undefined) fill(gauge, now);
      },
    });
  }
}

/** Counts alerts by the intake that has told them and what has become of them. */
export function alertCounter(registry: Registry): (intake: IntakeKind, outcome: Outcome['outcome']) => void {
  const alerts = new Counter({
    name: 'podtriage_alerts_total',
    help: 'Alerts by the kind of intake that told them and what has become of them.',
    labelNames: ['intake', 'outcome'],
    registers: [registry],
  });
  return (intake, outcome) => alerts.inc({ intake, outcome });
}

function cached(read: () => Promise<ServiceState>): () => Promise<ServiceState | undefined> {
  let kept: { readonly at: number; readonly state: Promise<ServiceState | undefined> } | undefined;
  return () => {
    if (kept === undefined || performance.now() - kept.at >= freshMs)
      kept = { at: performance.now(), state: within(readWithinMs, read()).catch(() => undefined) };
    return kept.state;
  };
}
