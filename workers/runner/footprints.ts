import { randomUUID } from 'node:crypto';
import type { Act } from '../../playbooks/domain/custody.js';

type Intent = Extract<Act, { act: 'cluster.request' | 'command.started' }>;
type Outcome = Extract<Act, { act: 'cluster.answered' | 'command.finished' }>;

/** What joins an outcome with its intent. Both have it in their detail. */
export interface Call {
  readonly call: string;
  readonly step: string;
}

/** Records acts on the target: the intent before, the outcome after. Never fenced, as what was done was done. */
export class Footprints {
  constructor(
    private readonly append: (act: Act) => Promise<void>,
    private readonly step: string,
  ) {}

  /** Resolves when the intent is in custody; only then may the act be done. */
  async begin(intent: (call: Call) => Intent): Promise<Call> {
    const call = { call: randomUUID(), step: this.step };
    await this.append(intent(call));
    return call;
  }

  end(outcome: Outcome): Promise<void> {
    return this.append(outcome);
  }
}

/** Starts a stopwatch; the returned function reads it, in ms. */
export function elapsed(): () => number {
  const start = performance.now();
  return () => Math.round(performance.now() - start);
}
