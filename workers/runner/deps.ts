import type { Logger } from 'pino';
import type { EndpointsPort } from '../../playbooks/delivery/port.js';
import type { UploadPolicy } from '../../playbooks/domain/upload.js';
import type { Playbook } from '../../playbooks/playbook.js';
import type { ClusterPort, EvidencePort, HashListPort, InContainerPort, IntelPort, NodePort, PodListPort } from '../../playbooks/ports.js';
import type { Rule } from '../../playbooks/rule.js';
import type { Alert } from '../../store/alert.js';
import type { Amendments } from '../../store/amendments.js';
import type { RedisBatches } from '../../store/batches.js';
import type { BatchTargets } from '../../store/batches-targets.js';
import type { Chats } from '../../store/chats.js';
import type { ContainerAlerts } from '../../store/container-alerts.js';
import type { Deliveries } from '../../store/deliveries.js';
import type { EvidenceRemover } from '../../store/evidence/keeper.js';
import type { EvidenceLife } from '../../store/evidence-life.js';
import type { LookupDesk } from '../../store/lookup-desk.js';
import type { Moves } from '../../store/moves.js';
import type { Queues } from '../../store/queues.js';
import type { QuotaKeys } from '../../store/quota-keys.js';
import type { References } from '../../store/references.js';
import type { RegisterWitness } from '../../store/register-witness.js';
import type { Retention } from '../../store/retention.js';
import type { RunLog } from '../../store/run-log.js';
import type { RunLookups } from '../../store/run-lookups.js';
import type { RedisRunReader } from '../../store/run-reader.js';
import type { SignedRuns } from '../../store/signed-run.js';
import type { SignedTexts } from '../../store/signed-text.js';
import type { Slots } from '../../store/slots.js';
import type { Triggers } from '../../store/triggers.js';
import type { Uploads } from '../../store/uploads.js';
import type { RunnerMetrics } from '../metrics.js';
import type { ActiveAttempts } from './active-attempts.js';
import type { AwayNodes } from './away-nodes.js';
import type { LiveContents } from './live-contents.js';
import type { Timings } from './timings.js';

/** The outside world as adapters give it; the runner puts custody between it and the steps. */
export interface RunnerPorts {
  readonly cluster: ClusterPort;
  /** Absent: this worker may not run anything in a container. */
  readonly inContainer?: InContainerPort;
  readonly nodes: NodePort;
  /** Absent: this worker expands no batches and looks for no container's pod. */
  readonly pods?: PodListPort;
  readonly evidence: EvidencePort;
  /** The same store, to remove from it what nobody refers to any more. Absent: this worker removes nothing. */
  readonly keeper?: EvidenceRemover;
  /** Absent: no source is configured, and hashes are recorded as not asked. */
  readonly intel?: IntelPort;
  /** Absent: no lists are configured. */
  readonly hashLists?: HashListPort;
  /** Where results go. Absent: this worker tells nobody anything. */
  readonly endpoints?: EndpointsPort;
}

/** What the parts of the runner share. */
export interface RunnerDeps {
  readonly playbooks: ReadonlyMap<string, Playbook>;
  readonly rules: readonly Rule[];
  /** How nerdctl is called on the nodes. */
  readonly nerdctl: readonly string[];
  /** How containerd's ctr is called on the nodes. */
  readonly ctr: readonly string[];
  readonly ports: RunnerPorts;
  /** Which runs refer to which content of the evidence store. */
  readonly references: References;
  /** The same, by what is signed. */
  readonly live: LiveContents;
  readonly moves: Moves;
  readonly retention: Retention;
  readonly life: EvidenceLife;
  /** How long evidence is kept where a run does not say it, in milliseconds. */
  readonly retainMs: number;
  /** What custody calls this worker. */
  readonly actor: string;
  readonly log: RunLog;
  readonly reader: RedisRunReader;
  readonly signed: SignedRuns;
  readonly register: RegisterWitness;
  readonly queues: Queues;
  readonly slots: Slots;
  readonly desk: LookupDesk;
  readonly lookups: RunLookups;
  /** Alerts of which only the container is known. */
  readonly containers: ContainerAlerts;
  readonly triggers: Triggers;
  readonly amendments: Amendments;
  readonly batches: RedisBatches;
  readonly batchTargets: BatchTargets;
  readonly deliveries: Deliveries;
  readonly chats: Chats;
  readonly texts: SignedTexts;
  readonly uploads: Uploads;
  /** What this installation lets its runs give away. */
  readonly uploadPolicy: UploadPolicy;
  readonly quota: QuotaKeys;
  readonly active: ActiveAttempts;
  readonly away: AwayNodes;
  readonly metrics: RunnerMetrics;
  readonly timings: Timings;
  readonly clock: () => Date;
  readonly alert: Alert;
  readonly logger: Logger;
}
