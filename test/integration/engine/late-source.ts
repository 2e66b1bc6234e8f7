import { TriageError } from '../../../playbooks/domain/error.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import type { IntelPort } from '../../../playbooks/ports.js';

/** What it says of a hash: a status, or how it fails. */
export type Said = Lookup['status'] | TriageError;

/** An intelligence source that answers `undetected`, or what the test says, and about hashes that are held only when they are let go. */
export class LateSource implements IntelPort {
  readonly source = 'test';
  readonly asked: string[] = [];
  readonly #held = new Set<string>();
  readonly #says = new Map<string, Said>();
  readonly #waiting = new Set<() => void>();

  hold(...hashes: readonly string[]): void {
    for (const sha256 of hashes) this.#held.add(sha256);
  }

  release(...hashes: readonly string[]): void {
    for (const sha256 of hashes) this.#held.delete(sha256);
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }

  says(sha256: string, said: Said): void {
    this.#says.set(sha256, said);
  }

  async lookup(sha256: string, signal: AbortSignal): ReturnType<IntelPort['lookup']> {
    this.asked.push(sha256);
    while (this.#held.has(sha256)) await this.#released(signal);
    const said = this.#says.get(sha256) ?? 'undetected';
    if (said instanceof TriageError) throw said;
    return { lookup: { sha256, source: 'test', status: said, askedAt: new Date().toISOString() }, raw: Buffer.from(`answer about ${sha256}`) };
  }

  #released(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => reject(new TriageError('cancelled', 'no longer asked')), { once: true });
    });
  }
}
