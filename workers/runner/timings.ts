/** How long the runner waits for what. All in milliseconds unless the name says otherwise. */
export interface Timings {
  /** A worker that does not renew its lock for this long has lost the job. */
  readonly lockMs: number;
  /** How often lost jobs are looked for. */
  readonly stalledMs: number;
  /** How many times in a row a step may take its worker down with it before it is given up. */
  readonly maxStalledCount: number;
  /** How long a parked job sleeps when nobody wakes it. */
  readonly parkMs: number;
  readonly slotLeaseMs: number;
  readonly reconcileMs: number;
  /** How long a step may take to stop once its signal is aborted; then it is left behind. */
  readonly graceMs: number;
  /** How often active runs are checked for a cancel whose message was lost. */
  readonly cancelPollMs: number;
  /** How long a run waits for answers about hashes before it is judged without them. */
  readonly lookupDeadlineMs: { readonly interactive: number; readonly other: number };
  /** How long late answers about a sealed run are gathered before its report is amended; bad news does not wait. */
  readonly amendDebounceMs: number;
  /** How often a sealed run whose answers have not come is looked after. */
  readonly amendCheckMs: number;
  /** How often a run that somebody is to be told of is looked after. */
  readonly tellCheckMs: number;
  /** How long one attempt to deliver may take: connection, request and answer. */
  readonly deliverTimeoutMs: number;
  /** How often a worker looks whether the source should be asked about its quota, which is done once an hour. */
  readonly quotaCheckMs: number;
  /** How long one request to an intelligence source may take. */
  readonly lookupTimeoutMs: number;
  /** How long after an upload the source is first asked about its analysis; longer each time. */
  readonly analysisPollMs: number;
  /** Delay before the first retry; doubles each time. */
  readonly retryDelayMs: number;
  /** How long an idle worker blocks in one call. */
  readonly drainSeconds: number;
}

const minute = 60_000;

/** What production uses; storms and tests shorten some. */
export const defaultTimings: Timings = {
  lockMs: minute,
  stalledMs: 30_000,
  maxStalledCount: 5,
  parkMs: 1_000,
  slotLeaseMs: 30_000,
  reconcileMs: 30_000,
  graceMs: 10_000,
  cancelPollMs: 5_000,
  lookupDeadlineMs: { interactive: 10 * minute, other: 60 * minute },
  amendDebounceMs: 30_000,
  amendCheckMs: 5 * minute,
  tellCheckMs: minute,
  deliverTimeoutMs: 10_000,
  quotaCheckMs: minute,
  lookupTimeoutMs: minute,
  analysisPollMs: minute,
  retryDelayMs: 2_000,
  drainSeconds: 5,
};
