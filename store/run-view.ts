import type { Reach } from '../playbooks/domain/access.js';
import type { Amendment } from '../playbooks/domain/amendment.js';
import type { Artifact } from '../playbooks/domain/artifact.js';
import type { Lookup } from '../playbooks/domain/lookup.js';
import type { Origin } from '../playbooks/domain/origin.js';
import type { RunRequest } from '../playbooks/domain/request.js';
import type { Failure, Gap, Limit, RunState, StepRecord, StepState, Wait } from '../playbooks/domain/run.js';
import type { VerdictLevel } from '../playbooks/domain/verdict.js';
import type { Destroyed, Held, Skeleton } from './run-evidence.js';
import type { Counted } from './triggers-counted.js';

/** One step of a run, whatever its state. Times are ISO 8601. */
export interface StepView {
  readonly name: string;
  readonly state: StepState;
  readonly attempt: number;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly error?: Failure;
  readonly gaps: readonly Gap[];
  readonly limits: readonly Limit[];
  /** What it put on the board; absent until it succeeded. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** A run as API and CLI show it. */
export interface RunView {
  readonly id: string;
  readonly state: RunState;
  readonly request: RunRequest;
  readonly playbook: { readonly name: string; readonly title: string; readonly sha256: string };
  /** Id of the API key (or other actor) that asked. */
  readonly requestedBy: string;
  readonly createdAt: string;
  /** The alert, batch or earlier run that it goes back to. */
  readonly origin?: Origin;
  /** How many alerts were about its pod while it was open or the last one. Absent in lists, and where there were none. */
  readonly triggers?: Counted;
  readonly finishedAt?: string;
  readonly cancelRequestedAt?: string;
  readonly waitingFor?: Wait;
  readonly completeness?: 'full' | 'partial';
  readonly verdict?: VerdictLevel;
  /** Why a failed run failed. */
  readonly error?: Failure;
  /** Why a step of a completed run failed, where another run, later, may have what it could not. */
  readonly cutShort?: Failure;
  /** Of the newest report; absent while there is none. */
  readonly reportVersion?: number;
  /** Hashes that were pending when the run was judged, and still are: their answers will amend the report. Absent when there are none. */
  readonly pendingLookups?: number;
  /** Until when the evidence is kept; absent while the run has not ended, and once the evidence was destroyed. */
  readonly retainedUntil?: string;
  /** Who holds the evidence: it is not destroyed, its time may be over or not. */
  readonly held?: Held;
  /** Who destroyed the evidence, and what is left of the report. */
  readonly evidenceDestroyed?: Destroyed & { readonly report?: Skeleton };
  /** What later versions of the report have changed, oldest first. */
  readonly amendments: readonly Amendment[];
  /** `acquisitionFinished`: the pod may now be killed. */
  readonly milestones: { readonly acquisitionFinished?: string; readonly verdictReady?: string; readonly reportWritten?: string };
  readonly steps: readonly StepView[];
}

/** A run as lists show it. */
export type RunRow = Omit<RunView, 'steps'>;

/** Which runs are listed: those that fit every field. */
export interface RunFilter {
  /** Of who asks: what he does not reach is not there. */
  readonly reach: Reach;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly pod?: string;
  readonly caseId?: string;
  readonly state?: RunState;
  readonly verdict?: VerdictLevel;
  /** Created at this time or later, and at this time or earlier. */
  readonly from?: Date;
  readonly to?: Date;
  /** Part of this batch. */
  readonly batch?: string;
}

/** A page of a list of runs. `cursor` is opaque, from the page before. */
export interface RunQuery extends RunFilter {
  readonly limit: number;
  readonly cursor?: string;
}

/** Reading runs: all that the API needs to show them. Methods throw `redis-unavailable`; an unknown id gives undefined. */
export interface RunReader {
  get(run: string): Promise<RunView | undefined>;
  /**
   * Newest first. A page can have fewer rows than `limit`, or none, and a `next` all the same: only so many runs are looked at for one answer.
   * Whoever follows `next` sees each run that was there at the start once, whatever is opened meanwhile. Throws `invalid-request` for a cursor
   * that no list has given.
   */
  list(query: RunQuery): Promise<{ readonly runs: readonly RunRow[]; readonly next?: string }>;
  records(run: string): Promise<ReadonlyMap<string, StepRecord>>;
  artifacts(run: string): Promise<readonly Artifact[]>;
  lookups(run: string): Promise<readonly Lookup[]>;
  /** The chain's entries as stored, one canonical JSON text each, from `from`, at most `count`. */
  custody(run: string, from: number, count: number): Promise<readonly string[]>;
  /** Resolves when something about the run has changed since the call, or after `ms`. */
  changed(run: string, ms: number, signal: AbortSignal): Promise<void>;
}

/** How a run is opened that is not just asked for. */
export interface Opening {
  /**
   * Made by `newRunId` before, so that whoever is cut off can try again without opening a second run. At most a week before it is opened, or
   * lists from a time on may leave it out (`madeAheadMs`).
   */
  readonly id?: string;
  readonly origin?: Origin;
  /** Somebody waits for the answer: it goes first where runs meet. */
  readonly isAwaited?: boolean;
}

/** Making runs happen. */
export interface RunCommander {
  /**
   * Opens the run (record, open list and custody entry 0 in one act), adds its flow, and returns its id. A run of `how.id` that there is already is
   * left as it is: then somebody tries again. Throws `playbook-unknown`.
   */
  open(request: RunRequest, requestedBy: string, how?: Opening): Promise<string>;
  /** The same, and returns the run as it was once it was recorded. */
  openAndShow(request: RunRequest, requestedBy: string, how?: Opening): Promise<RunView>;
  /** Asks a run to stop; idempotent. Returns false for a run that has ended. Throws `not-found`. */
  cancel(run: string, by: string): Promise<boolean>;
}
