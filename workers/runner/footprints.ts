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
  private written: Promise<void> = Promise.resolve();
  private isLost = false;

  constructor(
    private readonly append: (act: Act) => Promise<void>,
    private readonly step: string,
  ) {}

  /** Resolves when the intent is in custody, and all outcomes before it; only then may the act be done. */
  async begin(intent: (call: Call) => Intent): Promise<Call> {
    const call = { call: randomUUID(), step: this.step };
    if (this.isLost) await this.written;
    await this.append(intent(call));
    await this.durable();
    return call;
  }

  /** Resolves when the outcome is in custody. Who does not wait for it leaves that to what comes next: {@link begin}, {@link durable}, {@link settled}. */
  end(outcome: Outcome): Promise<void> {
    const written = this.append(outcome);
    this.written = Promise.all([this.written, written]).then(() => undefined);
    this.written.catch(() => (this.isLost = true));
    return written;
  }

  /** Resolves when all outcomes are in custody, with those that come meanwhile. Throws what has kept one out. */
  async durable(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.written; ) {
      seen = this.written;
      await seen;
    }
  }

  /** What the work comes to, when all outcomes are in custody. Throws what has kept one out, also where the work has failed itself. */
  async settled<T>(work: Promise<T>): Promise<T> {
    await work.catch(() => undefined);
    await this.durable();
    return work;
  }
}

/** Starts a stopwatch; the returned function reads it, in ms. */
export function elapsed(): () => number {
  const start = performance.now();
  return () => Math.round(performance.now() - start);
}
