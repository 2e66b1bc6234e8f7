import type { Logger } from 'pino';
import type { EndpointConfig } from '../playbooks/delivery/endpoints.js';
import type { EvidencePort } from '../playbooks/ports.js';
import type { KeyRing } from '../store/api-keys.js';
import type { ApiKeys } from '../store/api-keys-record.js';
import type { BagSource } from '../store/bag/source.js';
import type { BatchOffice } from '../store/batches-office.js';
import type { DeliveryOffice } from '../store/delivery-office.js';
import type { EvidenceActs } from '../store/evidence-acts.js';
import type { EvidenceLife } from '../store/evidence-life.js';
import type { Guesses } from '../store/guesses.js';
import type { RequestClaims } from '../store/idempotency.js';
import type { LookupAskers } from '../store/lookup-askers.js';
import type { LookupOffice } from '../store/lookup-office.js';
import type { PublicKey } from '../store/public-keys.js';
import type { RunCommander, RunReader } from '../store/run-view.js';
import type { IntakeDeps } from './intake/intake-deps.js';
import type { SlackDesk } from './intake/slack.js';
import type { Tokens } from './oidc.js';
import type { PlaybookView } from './playbook-view.js';
import type { RequestLimit } from './rate-limit.js';
import type { EventTimes } from './run-events.js';

/** One check of `/readyz`. `found` goes to the log only: the answer needs no key. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly found?: string;
}

/** What `/metrics` gives. */
export interface Metrics {
  /** The page and its media type. */
  readonly page: () => Promise<{ readonly type: string; readonly text: string }>;
  /** Given without a key. */
  readonly open: boolean;
}

/** Who may come in, beside those whom `keys` knows, how often, and who says so. */
export interface Access {
  /** What admins do with API keys. */
  readonly ring: KeyRing;
  readonly guesses: Guesses;
  readonly askers: LookupAskers;
  /** Absent: only API keys are taken. */
  readonly tokens?: Tokens;
  /** Absent: callers may ask as often as they like. */
  readonly limit?: RequestLimit;
  /** How many proxies there are between callers and us, each of which says whom it speaks for; 0: none, and none is believed. */
  readonly proxies: number;
}

/** All that the API stands on; it holds no cluster credential, SSH key or VirusTotal key. */
export interface ApiDeps {
  readonly runs: RunReader;
  readonly commander: RunCommander;
  /** What the `Idempotency-Key`s of callers stand for. */
  readonly claims: RequestClaims;
  readonly evidence: EvidencePort;
  /** Puts into custody what callers do with evidence. */
  readonly acts: EvidenceActs;
  /** What a run has written down, for its bag. */
  readonly bags: BagSource;
  /** Holds and destroys evidence. */
  readonly life: EvidenceLife;
  readonly lookups: LookupOffice;
  readonly batches: BatchOffice;
  /** The most pods that a batch may have in this installation. */
  readonly maxBatchPods: number;
  /** Where results go, and what became of them. */
  readonly endpoints: readonly EndpointConfig[];
  readonly deliveries: DeliveryOffice;
  /** Alerts of other tools. Absent: PODTRIAGE_INTAKES is not set, and none are taken. */
  readonly intake?: IntakeDeps;
  /** Commands of people in Slack. Absent: none are taken. */
  readonly slack?: Pick<SlackDesk, 'secret' | 'answer'>;
  readonly keys: ApiKeys;
  readonly access: Access;
  readonly playbooks: readonly PlaybookView[];
  /** Names of the clusters that some worker has credentials for; others are answered with `unknown-cluster`. */
  readonly clusters: readonly string[];
  /** The public keys of custody as they are now: a worker that starts after the API has one of its own. */
  readonly publicKeys: () => Promise<readonly PublicKey[]>;
  readonly ready: () => Promise<readonly ReadinessCheck[]>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly version: string;
  /**
   * What happens to an answer that breaks the contract: `report` (the default) logs it and sends it, as evidence must not
   * stay hidden behind a wrong schema; `enforce` makes it a 500.
   */
  readonly answers?: 'report' | 'enforce';
  /** How streams of events are told. Default: a comment after 15 s, an end after 15 min. */
  readonly eventTimes?: EventTimes;
  /** How long the store may take to answer, in milliseconds; then it is a 503. Default 5,000. */
  readonly storeTimeoutMs?: number;
}
