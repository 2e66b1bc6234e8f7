import type { EvidencePort } from '../../playbooks/ports.js';

/** Taking bytes out of an evidence store. Only the garbage collection does it. */
export interface EvidenceRemover {
  /**
   * Removes bytes for good; a name that is not there is no error.
   * @param stillDoomed asked right before bytes go: false leaves them, as somebody may have put them anew meanwhile
   */
  remove(sha256: string, stillDoomed?: () => Promise<boolean>): Promise<void>;
  /** Undoes removals that were begun and given up, as their process died. */
  putBack(): Promise<void>;
}

/** An evidence store that can also be looked after: what is in it, whether it still is what it was, and what may go. */
export interface EvidenceKeeper extends EvidencePort, EvidenceRemover {
  /** Reads the bytes again and says whether they still have their hash. Throws `not-found`. */
  check(sha256: string, signal: AbortSignal): Promise<boolean>;
  /** Names of all that is kept, in any order. */
  all(signal: AbortSignal): AsyncIterable<string>;
}
