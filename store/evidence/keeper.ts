import type { EvidencePort } from '../../playbooks/ports.js';

/** An evidence store that can also be looked after: what is in it, whether it still is what it was, and what may go. */
export interface EvidenceKeeper extends EvidencePort {
  /** Reads the bytes again and says whether they still have their hash. Throws `not-found`. */
  check(sha256: string, signal: AbortSignal): Promise<boolean>;
  /** Names of all that is kept, in any order. */
  all(signal: AbortSignal): AsyncIterable<string>;
  /** Removes bytes for good; a name that is not there is no error. Only the garbage collection calls it. */
  remove(sha256: string): Promise<void>;
}
