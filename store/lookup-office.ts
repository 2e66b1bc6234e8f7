import type { Lookup } from '../playbooks/domain/lookup.js';
import type { QuotaCounts } from '../playbooks/domain/quota.js';
import type { RefusalReason } from './quota.js';

/** The budget of one key of the intelligence source. */
export interface KeyQuota {
  /** The first 12 hex digits of the key's sha256; the key itself is nowhere in the store. */
  readonly key: string;
  readonly limits: QuotaCounts;
  readonly used: QuotaCounts;
  readonly left: QuotaCounts;
  /** How long the next request on this key has to wait, in milliseconds, and why. */
  readonly waitMs: number;
  readonly why?: RefusalReason | 'unauthorized';
  /** When the source last told its own numbers, which are in `limits` and `used` since. ISO 8601. */
  readonly reportedAt?: string;
}

/** What people ask about the quota. */
export interface QuotaStatus {
  readonly source: string;
  /** Empty: no worker with a key has been here. */
  readonly keys: readonly KeyQuota[];
  /** Hashes that wait for their request, by the priority of who asked. */
  readonly waiting: { readonly interactive: number; readonly webhook: number; readonly batch: number };
  /** When the last of them will have its answer, if nobody asks for more. Absent when none waits, or when no key can ask. ISO 8601. */
  readonly eta?: string;
}

/** What is known of one hash at the desk. */
export type LookupView =
  | { readonly state: 'answered'; readonly lookup: Lookup }
  | { readonly state: 'waiting'; readonly eta?: string }
  | { readonly state: 'absent' };

/** The lookup desk for people: what API and CLI show, and asking without a run. Holds no key. Methods throw `redis-unavailable`. */
export interface LookupOffice {
  quota(): Promise<QuotaStatus>;
  lookup(sha256: string): Promise<LookupView>;
  /** Asks, with the priority of interactive work, unless there is an answer. May be repeated at will. */
  ask(sha256: string): Promise<void>;
}
