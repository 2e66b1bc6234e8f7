import type { Readable } from 'node:stream';
import type { Artifact } from './domain/artifact.js';
import type { ListedPod } from './domain/batch.js';
import type { Act, CustodyEntry } from './domain/custody.js';
import type { JsonObject, JsonValue } from './domain/json.js';
import type { Lookup, WantedHash } from './domain/lookup.js';
import type { Origin } from './domain/origin.js';
import type { GivenLimits, ReportedQuota } from './domain/quota.js';
import type { Limits, RunRequest } from './domain/request.js';
import type { Gap, Limit, StepRecord } from './domain/run.js';
import type { UploadFile, UploadMode, UploadOutcome, UploadPolicy, UploadReceipt } from './domain/upload.js';
import type { PodContainer } from './facts.js';
import type { Rule } from './rule.js';

/** Names one pod. */
export interface PodRef {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
}

/** A pod as the API server knows it, in our own words. */
export interface PodSnapshot {
  readonly uid: string;
  readonly staticUid?: string;
  readonly node?: string;
  readonly containers: readonly PodContainer[];
  /** The whole object as the API server gave it. */
  readonly raw: JsonValue;
}

/** Where a node can be reached. */
export interface NodeRef {
  readonly cluster: string;
  readonly name: string;
  readonly address: string;
}

/** The API server. All methods throw `cluster-unreachable`, `cluster-forbidden` or what their comment says. */
export interface ClusterPort {
  /** Throws `pod-not-found` (which also says whether the namespace exists). */
  pod(ref: PodRef, signal: AbortSignal): Promise<PodSnapshot>;
  /** The node's InternalIP. Throws `node-unknown`. */
  node(cluster: string, name: string, signal: AbortSignal): Promise<NodeRef>;
  /** The pod's events, as the API server gave them. */
  events(ref: PodRef, uid: string, signal: AbortSignal): Promise<JsonValue>;
}

/** Which pods a list is to have: all that fit every field that is there. */
export interface PodFilter {
  readonly namespace?: string;
  /** A label selector as the API server takes it. */
  readonly labels?: string;
  readonly node?: string;
}

/** Listing pods: for batches, and for finding the pod of a container. */
export interface PodListPort {
  /**
   * The pods as they are now, page by page as the API server gives them. What is malformed is an error, never left out.
   * Throws `cluster-forbidden`, `cluster-unreachable`, and `invalid-request` for a selector that the API server refuses.
   */
  list(cluster: string, filter: PodFilter, signal: AbortSignal): AsyncIterable<readonly ListedPod[]>;
}

/** Reading through the suspect's own tar, by exec through the API server (what `kubectl cp` does). Off unless playbook and worker allow it. */
export interface InContainerPort {
  /**
   * Streams `tar cf -` of one absolute path of a container. The stream ends in an error unless the API server reported success;
   * more than `maxBytes` is `limit-exceeded`, a stream that ends early `transfer-truncated`, one that hangs or drips `timeout`.
   * Throws `method-forbidden` where the worker may not do it.
   */
  archive(ref: PodRef, container: string, path: Uint8Array, maxBytes: number, signal: AbortSignal): Promise<Readable>;
}

/** One command on a node: always an argv, never a string built from data. It runs in the C locale, so that its messages can be told apart. */
export interface NodeCommand {
  /** What custody and footprint call it. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Data for the command: names that came from the suspect go here, never into argv. */
  readonly stdin?: Uint8Array;
  /** Run as root through the configured privilege command (default `sudo -n`), if the login user is not root. */
  readonly privileged: boolean;
  readonly timeoutMs: number;
  /** More output than this ends the command as `limit-exceeded`. */
  readonly maxBytes: number;
}

export interface CommandOutcome {
  /** Null when the command was ended by a signal or the connection. */
  readonly exitCode: number | null;
  /** The first 16 KiB, made safe to print. */
  readonly stderr: string;
  readonly stdoutBytes: number;
  readonly durationMs: number;
}

export interface RunningCommand {
  /** Ends when the command's output ends; destroyed with the error when `finished` rejects. */
  readonly stdout: Readable;
  /**
   * Resolves with any exit status. Rejects with `node-unreachable` (connection lost), `timeout`, `cancelled`, `limit-exceeded`,
   * `permission-denied` (sudo refused or asks for a password) or `tool-missing` (exit 127).
   */
  readonly finished: Promise<CommandOutcome>;
}

/** A login on one node. */
export interface NodeSession {
  readonly node: NodeRef;
  start(command: NodeCommand, signal: AbortSignal): Promise<RunningCommand>;
  close(): Promise<void>;
}

/** Nodes. `connect` throws `node-unreachable`, `host-key-mismatch`, `node-auth-failed` or `shell-unsupported`. */
export interface NodePort {
  connect(node: NodeRef, signal: AbortSignal): Promise<NodeSession>;
}

/** What the evidence store says of bytes it has taken. */
export interface StoredEvidence {
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
  readonly size: number;
  /** The first 512 bytes. */
  readonly head: Uint8Array;
  /** True when the store had the same bytes before. */
  readonly existed: boolean;
}

/** Bytes that were taken but are not evidence yet: one of the two must be called, once. */
export interface StagedEvidence extends Omit<StoredEvidence, 'existed'> {
  /** @param signal ends the wait, where bytes have to wait or travel */
  keep(signal?: AbortSignal): Promise<StoredEvidence>;
  /** Forgets them; never fails. */
  discard(): Promise<void>;
}

/** The content-addressed keeper of artifacts. Throws `store-unwritable`, `store-full`, `store-corrupt`. */
export interface EvidencePort {
  has(sha256: string): Promise<boolean>;
  /** Like `put`, but keeps the bytes apart until it is known that they may be kept. */
  stage(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    signal: AbortSignal,
    expected?: { sha256?: string; size?: number },
  ): Promise<StagedEvidence>;
  /** Streams to a temporary file, hashes, and keeps it under its sha256 only if `expected` agrees; else throws `digest-mismatch`. */
  put(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    signal: AbortSignal,
    expected?: { sha256?: string; size?: number },
  ): Promise<StoredEvidence>;
  /** The bytes. Throws `not-found`. */
  open(sha256: string): Promise<Readable>;
}

/** Contents that are being moved for one run. */
export interface Moving {
  /** Those that it is to move itself. */
  readonly mine: ReadonlySet<string>;
  /** To be called when they have been moved, or will not be; never fails. */
  done(): Promise<void>;
  /** Waits until nobody moves the others any more, for a while at most: whether they have come the evidence store says. */
  others(signal: AbortSignal): Promise<void>;
}

/** Sees to it that a content which several runs want at the same time is moved once. Throws `redis-unavailable`. */
export interface MovePort {
  /** Says of contents that they are to be moved now. */
  begin(contents: readonly string[]): Promise<Moving>;
}

/** What an intelligence source answered, and its whole answer as it came. */
export interface IntelAnswer {
  readonly lookup: Omit<Lookup, 'answer' | 'cached'>;
  readonly raw?: Uint8Array;
}

/** One key of an intelligence source. */
export interface IntelKey {
  /** Names it without telling it, see `keyId`. */
  readonly id: string;
  /** What the installation allows this key alone. */
  readonly limits: GivenLimits;
}

/** An intelligence source. Throws `intel-unauthorized`, `intel-quota`, `intel-unavailable`, `intel-invalid-answer`. A hash it has never seen is an answer. */
export interface IntelPort {
  readonly source: string;
  /** In the order in which they are used. Absent: it takes no key, and has one budget. */
  readonly keys?: readonly IntelKey[];
  /** @param key id of the key to ask with; default the first */
  lookup(sha256: string, signal: AbortSignal, key?: string): Promise<IntelAnswer>;
  /** What the source reports of a key's budget; undefined where it does not report it to this key. Costs a request. */
  quota?(key: string, signal: AbortSignal): Promise<ReportedQuota | undefined>;
  /** Absent: it takes no content. */
  readonly uploads?: UploadPort;
}

/**
 * Giving content to an intelligence source. Every call is one request under the quota of its key. Throws what {@link IntelPort} throws,
 * and `method-forbidden` where the source does not let this key do it.
 */
export interface UploadPort {
  /** Larger files need a {@link place}. */
  readonly directBytes: number;
  /** Where one large file can be sent, once. */
  place(mode: UploadMode, signal: AbortSignal, key?: string): Promise<string>;
  /**
   * Sends one file, hashed on its way: `store-corrupt`, and the request broken off, when the bytes are not those that were named.
   * When it throws, the source does not have the file.
   */
  send(file: UploadFile, content: AsyncIterable<Uint8Array>, signal: AbortSignal, to?: { key?: string; place?: string }): Promise<UploadReceipt>;
  /** Whether an analysis is complete. */
  analysed(mode: UploadMode, analysis: string, signal: AbortSignal, key?: string): Promise<boolean>;
  /** What the source says of a file that was sent. */
  report(mode: UploadMode, sha256: string, signal: AbortSignal, key?: string): Promise<IntelAnswer>;
}

/** Lists of hashes that are known without asking anybody. */
export interface HashListPort {
  /** The list that has it, bad ones first; undefined when none has. */
  find(sha256: string): { readonly list: string; readonly says: 'good' | 'bad' } | undefined;
}

/** The run's record as far as a step may see it. */
export interface RunInfo {
  readonly id: string;
  readonly createdAt: string;
  /** Who asked, from the credential and never from the body. */
  readonly requestedBy: string;
  readonly request: RunRequest;
  readonly playbook: { readonly name: string; readonly sha256: string; readonly title: string };
  /** The alert, batch or earlier run that it goes back to. */
  readonly origin?: Origin;
  readonly limits: Limits;
}

/** What the run has written down so far: for the steps that judge and report. */
export interface RunHistory {
  /** In the playbook's order; undefined where no record exists (yet). */
  steps(): Promise<readonly { readonly name: string; readonly record?: StepRecord }[]>;
  artifacts(): Promise<readonly Artifact[]>;
  lookups(): Promise<readonly Lookup[]>;
  /** The chain as it is now. */
  custody(): Promise<{ readonly entries: number; readonly head: string }>;
  /** The entries of the chain so far, each checked. Throws `custody-broken`. */
  acts(): AsyncIterable<CustodyEntry>;
}

export interface StepLog {
  info(detail: JsonObject, message: string): void;
  warn(detail: JsonObject, message: string): void;
}

/** All that a step may touch. */
export interface StepContext {
  readonly run: RunInfo;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly clock: () => Date;
  readonly log: StepLog;
  readonly rules: readonly Rule[];
  /** How nerdctl is called on this installation's nodes, e.g. `['nerdctl']` or `['/opt/bin/nerdctl', '--address', '/run/containerd/containerd.sock']`. */
  readonly nerdctl: readonly string[];
  /** The same of containerd's own `ctr`. */
  readonly ctr: readonly string[];
  /** These four record in custody what they do: intent before, outcome after. */
  readonly cluster: ClusterPort;
  readonly inContainer: InContainerPort;
  readonly nodes: NodePort;
  readonly evidence: EvidencePort;
  readonly moves: MovePort;
  readonly history: RunHistory;
  /**
   * Records artifacts with their custody entries, once: those that the run has already (same id) are left as they are.
   * Throws `stale-attempt` when a newer attempt of this step has begun.
   */
  recordArtifacts(artifacts: readonly Artifact[]): Promise<void>;
  /** Records answers of this run's lookups, once each. */
  recordLookups(lookups: readonly Lookup[]): Promise<void>;
  /**
   * Answers that are there now: of hash lists, of the lookup desk, and `not-asked` for what is beyond the run's budget. Missing ones are
   * still waited for. The same hashes in the same order, best first, at every call of a run.
   */
  answers(hashes: readonly WantedHash[]): Promise<ReadonlyMap<string, Lookup>>;
  /** What the installation lets a run give away. */
  readonly uploadPolicy: UploadPolicy;
  /**
   * What has become of files that are to be given to the source; missing ones had no answer before the deadline. The run has sent them, and
   * waited, before the step began: only a step that says so (`uploads`) may ask.
   */
  uploaded(files: readonly UploadFile[]): Promise<ReadonlyMap<string, UploadOutcome>>;
  /** Puts newer answers in the place of those that the run has recorded. Throws `stale-attempt`. */
  replaceLookups(lookups: readonly Lookup[]): Promise<void>;
  record(act: Act): Promise<void>;
  gap(gap: Gap): void;
  limit(limit: Limit): void;
}
