import { randomUUID } from 'node:crypto';
import type { ChangeFeed } from '../../store/change-feed.js';
import type { Keys } from '../../store/keys.js';
import { endMessage } from '../../store/scripts/chain.js';
import type { DispatchDeps } from './batches-deps.js';
import { passBatch } from './batches-pass.js';
import { BatchPods } from './batches-pods.js';

/** How long things wait, in milliseconds. */
export interface DispatchTimings {
  /** How often all open batches are looked at: hints can be lost. */
  readonly tickMs: number;
  /** Changes of runs are gathered for so long before a batch is looked at. */
  readonly gatherMs: number;
  /** Who goes through a batch keeps others off it for so long at most. */
  readonly leaseMs: number;
}

export const dispatchTimings: DispatchTimings = { tickMs: 2_000, gatherMs: 50, leaseMs: 10_000 };

/** What belongs to one batch here. */
interface Watched {
  readonly pods: BatchPods;
  /** Ends the listening to a run. */
  readonly runs: Map<string, Promise<() => void>>;
  timer?: NodeJS.Timeout;
  /** A walk that is under way. */
  walk?: Promise<void>;
  /** How often somebody has said that something has happened. */
  told: number;
}

/**
 * Opens the runs of batches, in the process that may sign requests. Where there are several such processes, one at a time goes through a batch; if it
 * dies, another one goes on.
 */
export class BatchDispatcher {
  private readonly watched = new Map<string, Watched>();
  private readonly holder = randomUUID();
  private tick: NodeJS.Timeout | undefined;
  private unlisten: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly deps: DispatchDeps,
    private readonly feed: ChangeFeed,
    private readonly keys: Keys,
    private readonly timings: DispatchTimings = dispatchTimings,
  ) {}

  async start(): Promise<void> {
    this.unlisten = await this.feed.listen(this.keys.batchHints, (batch) => this.soon(batch));
    this.tick = setInterval(() => void this.lookAtAll(), this.timings.tickMs);
    await this.lookAtAll();
  }

  /** Ends it; a walk that is under way comes to its end. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.tick);
    this.unlisten?.();
    await Promise.all([...this.watched].map(([batch, { walk }]) => (walk ?? Promise.resolve()).then(() => this.drop(batch))));
  }

  private async lookAtAll(): Promise<void> {
    try {
      const open = await this.deps.batches.openBatches();
      for (const batch of open) this.soon(batch);
      // What another process has brought to its end.
      for (const [batch, { walk, timer }] of this.watched) if (!open.includes(batch) && walk === undefined && timer === undefined) this.drop(batch);
    } catch (err) {
      this.deps.logger.warn({ err }, 'the open batches could not be read');
    }
  }

  private soon(batch: string): void {
    if (this.stopped) return;
    const watched = this.of(batch);
    watched.told += 1;
    watched.timer ??= setTimeout(() => {
      delete watched.timer;
      watched.walk ??= this.walk(batch, watched).finally(() => {
        delete watched.walk;
      });
    }, this.timings.gatherMs);
  }

  private of(batch: string): Watched {
    const known = this.watched.get(batch);
    if (known !== undefined) return known;
    const { batches, targets } = this.deps;
    const made: Watched = { pods: new BatchPods(batches, targets, batch), runs: new Map(), told: 0 };
    this.watched.set(batch, made);
    return made;
  }

  private async walk(batch: string, watched: Watched): Promise<void> {
    const { targets, logger } = this.deps;
    const { told } = watched;
    try {
      if (!(await targets.lease(batch, this.holder, this.timings.leaseMs))) {
        // Somebody else may change what is remembered here.
        watched.pods.forget();
        return;
      }
      const runs = await passBatch(this.deps, watched.pods, batch);
      if (runs === undefined) this.drop(batch);
      else this.listenTo(batch, watched, runs);
    } catch (err) {
      logger.warn({ err, batch }, 'a batch could not be gone through; it is tried again');
    } finally {
      await targets.release(batch, this.holder).catch(() => undefined);
      // What came while it was gone through was not seen.
      if (watched.told !== told && this.watched.get(batch) === watched) this.soon(batch);
    }
  }

  /** So that the next run is opened as soon as one has ended. Messages are hints. */
  private listenTo(batch: string, watched: Watched, runs: readonly string[]): void {
    const open = new Set(runs);
    for (const [run, stop] of watched.runs)
      if (!open.has(run)) {
        watched.runs.delete(run);
        void stop.then((end) => end());
      }
    for (const run of open) {
      if (watched.runs.has(run)) continue;
      const listening = this.feed.listen(this.keys.changes(run), (message) => {
        if (message === endMessage) this.soon(batch);
      });
      watched.runs.set(
        run,
        listening.catch(() => () => undefined),
      );
    }
  }

  private drop(batch: string): void {
    const watched = this.watched.get(batch);
    if (watched === undefined) return;
    this.watched.delete(batch);
    clearTimeout(watched.timer);
    this.listenTo(batch, watched, []);
  }
}
