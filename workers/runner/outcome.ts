import { asTriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { Gap, Limit, StepRecord } from '../../playbooks/domain/run.js';
import type { Board } from '../../playbooks/facts.js';

const maxNotes = 1_000;
const maxMessage = 2_000;

/** What a step has said of itself while it ran. */
export class StepNotes {
  private readonly all: { gaps: Gap[]; limits: Limit[] } = { gaps: [], limits: [] };
  private dropped = { gaps: 0, limits: 0 };

  gap(gap: Gap): void {
    this.add('gaps', gap);
  }

  limit(limit: Limit): void {
    this.add('limits', limit);
  }

  /** At most 1,000 of each; what was left out is counted in the last. */
  lists(): { gaps: Gap[]; limits: Limit[] } {
    return { gaps: this.list('gaps'), limits: this.list('limits') };
  }

  private add(kind: 'gaps' | 'limits', note: Gap): void {
    if (this.all[kind].length < maxNotes - 1) this.all[kind].push(note);
    else this.dropped[kind] += 1;
  }

  private list(kind: 'gaps' | 'limits'): Gap[] {
    const dropped = this.dropped[kind];
    return dropped === 0 ? this.all[kind] : [...this.all[kind], { subject: kind, reason: `${dropped} more are not listed` }];
  }
}

/** When and as which attempt a step ran. Times are ISO 8601. */
export interface AttemptTimes {
  readonly attempt: number;
  readonly startedAt: string;
  readonly finishedAt: string;
}

export function succeeded(times: AttemptTimes, facts: Board, notes: StepNotes): StepRecord {
  return { status: 'succeeded', ...times, facts, ...notes.lists() };
}

/** The record of a failure. Its message is made safe to print. */
export function failed(times: AttemptTimes, error: unknown, notes: StepNotes = new StepNotes()): StepRecord {
  const { code, message } = asTriageError(error);
  return { status: 'failed', error: { code, message: displayText(message).slice(0, maxMessage) }, ...times, facts: {}, ...notes.lists() };
}

export function skipped(
  times: AttemptTimes,
  reason: 'cancelled' | 'needs-missing' | 'not-applicable',
  detail: string,
  notes: StepNotes = new StepNotes(),
): StepRecord {
  return { status: 'skipped', reason, detail, ...times, facts: {}, ...notes.lists() };
}
