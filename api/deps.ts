import type { Logger } from 'pino';
import type { EvidencePort } from '../playbooks/ports.js';
import type { ApiKeys } from '../store/api-keys.js';
import type { BagSource } from '../store/bag/source.js';
import type { EvidenceActs } from '../store/evidence-acts.js';
import type { EvidenceLife } from '../store/evidence-life.js';
import type { LookupOffice } from '../store/lookup-office.js';
import type { PublicKey } from '../store/public-keys.js';
import type { RunCommander, RunReader } from '../store/run-view.js';
import type { PlaybookView } from './playbook-view.js';

/** One check of `/readyz`. `found` goes to the log only: the answer needs no key. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly found?: string;
}

/** All that the API stands on; it holds no cluster credential, SSH key or VirusTotal key. */
export interface ApiDeps {
  readonly runs: RunReader;
  readonly commander: RunCommander;
  readonly evidence: EvidencePort;
  /** Puts into custody what callers do with evidence. */
  readonly acts: EvidenceActs;
  /** What a run has written down, for its bag. */
  readonly bags: BagSource;
  /** Holds and destroys evidence. */
  readonly life: EvidenceLife;
  readonly lookups: LookupOffice;
  readonly keys: ApiKeys;
  readonly playbooks: readonly PlaybookView[];
  /** Names of the clusters that some worker has credentials for; others are answered with `unknown-cluster`. */
  readonly clusters: readonly string[];
  /** The public keys of custody as they are now: a worker that starts after the API has one of its own. */
  readonly publicKeys: () => Promise<readonly PublicKey[]>;
  readonly ready: () => Promise<readonly ReadinessCheck[]>;
  readonly log: Logger;
  readonly version: string;
  /**
   * What happens to an answer that breaks the contract: `report` (the default) logs it and sends it, as evidence must not
   * stay hidden behind a wrong schema; `enforce` makes it a 500.
   */
  readonly answers?: 'report' | 'enforce';
  /** How long the store may take to answer, in milliseconds; then it is a 503. Default 5,000. */
  readonly storeTimeoutMs?: number;
}
