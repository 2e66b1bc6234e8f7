import type { WalkedChain } from './check-chain.js';
import type { PlacedCheckpoint } from './check-checkpoint.js';
import type { Signer } from './check-keys.js';
import type { CheckResult, Problem } from './findings.js';

/** A place in a chain and when it was made; ISO 8601. */
interface Covered {
  readonly seq: number;
  readonly at?: string;
}

/** What the signatures on a chain reach. */
interface Coverage {
  /** The checkpoint that sealed the run: the last entry that it covers. Absent while a run is not sealed. */
  readonly sealed?: Covered;
  /** The last entry that the newest checkpoint covers. */
  readonly signed?: Covered;
  /** The last entry. */
  readonly end?: Covered;
  /** The end of the register when the bag was made. */
  readonly register?: { readonly seq: number; readonly hash: string };
}

/** What was found of a bag or of a run. */
export interface Verification {
  /** `not-checkable`: there is nothing of a kind that this program knows. */
  readonly state: 'holds' | 'broken' | 'not-checkable';
  readonly run?: string;
  readonly checks: readonly CheckResult[];
  /** At most fifty of each check; the checks count all of them. */
  readonly problems: readonly Problem[];
  readonly coverage: Coverage;
  readonly signers: readonly Signer[];
  /** Whether keys were pinned. Without them all can be consistent, and made by anybody. */
  readonly pinned: boolean;
  /** Sentences about what is as it should be and is still good to know. */
  readonly notes: readonly string[];
}

/** Where a run has been sealed, how far its newest checkpoint reaches, and where the chain ends. */
export function coverageOf({ facts }: WalkedChain, placed: readonly PlacedCheckpoint[]): Coverage {
  const sealed = placed.find(({ checkpoint }) => checkpoint.contents === undefined)?.checkpoint;
  const signed = placed.at(-1)?.checkpoint;
  return {
    ...(sealed === undefined ? {} : { sealed: { seq: sealed.seq, at: sealed.at } }),
    ...(signed === undefined ? {} : { signed: { seq: signed.seq, at: signed.at } }),
    ...(facts.last === undefined ? {} : { end: { seq: facts.last.seq, at: facts.last.at } }),
    ...(signed?.register === undefined ? {} : { register: signed.register }),
  };
}
