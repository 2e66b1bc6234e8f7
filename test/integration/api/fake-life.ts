import { TriageError } from '../../../playbooks/domain/error.js';
import type { EvidenceLife } from '../../../store/evidence-life.js';
import type { RunView } from '../../../store/run-view.js';
import type { FakeRuns } from './fakes.js';
import { at } from './samples.js';

/** What becomes of evidence, in memory. */
export class FakeLife implements EvidenceLife {
  constructor(private readonly runs: FakeRuns) {}

  hold(run: string, by: string, reason: string): Promise<void> {
    this.refuseIfHeld(run);
    this.runs.change(run, { held: { by, since: at, reason } });
    return Promise.resolve();
  }

  release(run: string): Promise<void> {
    const fields = Object.entries(this.runs.of(run).view).filter(([name]) => name !== 'held');
    this.runs.of(run).view = Object.fromEntries(fields) as unknown as RunView;
    return Promise.resolve();
  }

  destroy(run: string, by: string, reason: string): Promise<void> {
    this.refuseIfHeld(run);
    this.runs.change(run, { evidenceDestroyed: { by, at, reason } });
    return Promise.resolve();
  }

  private refuseIfHeld(run: string): void {
    const { held } = this.runs.of(run).view;
    if (held !== undefined) throw new TriageError('conflict', `the evidence of run ${run} is held by ${held.by}`);
  }
}
