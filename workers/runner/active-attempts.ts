import type { AttemptSignal } from './attempt-signal.js';

/** The attempts that run in this process, by run: whom a cancel has to reach. */
export class ActiveAttempts {
  private readonly byRun = new Map<string, Set<AttemptSignal>>();

  /** Adds an attempt; the returned function takes it out again. */
  add(run: string, attempt: AttemptSignal): () => void {
    const attempts = this.byRun.get(run) ?? new Set();
    attempts.add(attempt);
    this.byRun.set(run, attempts);
    return () => {
      attempts.delete(attempt);
      if (attempts.size === 0 && this.byRun.get(run) === attempts) this.byRun.delete(run);
    };
  }

  runs(): readonly string[] {
    return [...this.byRun.keys()];
  }

  cancel(run: string): void {
    for (const attempt of this.byRun.get(run) ?? []) attempt.cancel();
  }
}
