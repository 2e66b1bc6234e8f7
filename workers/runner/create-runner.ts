import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { keyId } from '../../playbooks/domain/quota.js';
import { noUploads, type UploadPolicy } from '../../playbooks/domain/upload.js';
import type { Playbook } from '../../playbooks/playbook.js';
import type { Rule } from '../../playbooks/rule.js';
import { alertTo } from '../../store/alert.js';
import { Amendments } from '../../store/amendments.js';
import { RedisBatches } from '../../store/batches.js';
import { BatchTargets } from '../../store/batches-targets.js';
import { ChainMemory } from '../../store/chain-memory.js';
import { ChangeFeed } from '../../store/change-feed.js';
import { Chats } from '../../store/chats.js';
import { ContainerAlerts } from '../../store/container-alerts.js';
import { CustodyWriter } from '../../store/custody.js';
import { Deliveries } from '../../store/deliveries.js';
import { RedisEvidenceLife } from '../../store/evidence-life.js';
import { type Keys, keysOf } from '../../store/keys.js';
import { type AnswerTtls, LookupDesk } from '../../store/lookup-desk.js';
import { Moves } from '../../store/moves.js';
import { within } from '../../store/of-redis.js';
import type { TrustedKeys } from '../../store/public-keys.js';
import { Queues } from '../../store/queues.js';
import type { LedgerTimes, QuotaLimits } from '../../store/quota.js';
import { QuotaKeys } from '../../store/quota-keys.js';
import { connectRedis, type RedisEndpoint } from '../../store/redis.js';
import { References } from '../../store/references.js';
import { RegisterWitness } from '../../store/register-witness.js';
import { Retention } from '../../store/retention.js';
import { defaultRetainMs, RunLog } from '../../store/run-log.js';
import { RunLookups } from '../../store/run-lookups.js';
import { RedisRunReader } from '../../store/run-reader.js';
import { SignedRuns } from '../../store/signed-run.js';
import { SignedTexts } from '../../store/signed-text.js';
import type { Signer } from '../../store/signing-key.js';
import { Slots } from '../../store/slots.js';
import { Triggers } from '../../store/triggers.js';
import { Uploads } from '../../store/uploads.js';
import { noMetrics, type RunnerMetrics } from '../metrics.js';
import { ActiveAttempts } from './active-attempts.js';
import { AwayNodes } from './away-nodes.js';
import type { RunnerDeps, RunnerPorts } from './deps.js';
import { isCancelled } from './forged.js';
import { LiveContents } from './live-contents.js';
import { syncQuotas } from './quota-sync.js';
import { maxParkFactor } from './ready.js';
import { type Reconciled, reconcile } from './reconciler.js';
import { defaultTimings, type Timings } from './timings.js';
import { type Concurrency, WorkerSet } from './worker-set.js';

/** What a runner is made of. */
export interface RunnerOptions {
  readonly connection: RedisEndpoint;
  readonly prefix: string;
  /** The clusters that this worker has credentials for. */
  readonly clusters: readonly string[];
  /** By name. */
  readonly playbooks: ReadonlyMap<string, Playbook>;
  readonly rules: readonly Rule[];
  readonly ports: RunnerPorts;
  /** How nerdctl is called on the nodes. Default `['nerdctl']`. */
  readonly nerdctl?: readonly string[];
  /** How containerd's ctr is called on the nodes. Default `['ctr']`. */
  readonly ctr?: readonly string[];
  /** How many steps work on one node at once, over all workers. */
  readonly nodeSlots: number;
  /** For keys that have no limits of their own. */
  readonly quotaLimits: QuotaLimits;
  readonly quotaTimes?: LedgerTimes;
  readonly concurrency?: Partial<Concurrency>;
  readonly answerTtls?: AnswerTtls;
  /** What this installation lets its runs give away. Default nothing. */
  readonly uploadPolicy?: UploadPolicy;
  readonly logger: Logger;
  /** Default: nothing is counted. */
  readonly metrics?: RunnerMetrics;
  readonly signer: Signer;
  /** The public keys whose signatures this worker believes: those of the API and of the other workers. */
  readonly trustedKeys: TrustedKeys;
  readonly workerId: string;
  /** File in which this worker keeps what it has seen of the register of runs. Default none. */
  readonly witness?: string;
  readonly clock?: () => Date;
  readonly timings?: Partial<Timings>;
  /** How long evidence is kept where a run does not say it, in milliseconds. Default 90 days. */
  readonly retainMs?: number;
}

/** How long Redis may take to show that it is there, in milliseconds. */
const readyMs = 3_000;

/** Takes jobs and runs steps. */
export interface Runner {
  /** Resolves when all queues are listened to. */
  start(): Promise<void>;
  /** Hands active steps back to other workers, without costing an attempt; after `deadlineMs` it no longer waits. */
  stop(deadlineMs: number): Promise<void>;
  /** Whether jobs are taken and Redis answers. */
  ready(): Promise<boolean>;
  /** One pass of the reconciler, now. */
  reconcile(): Promise<Reconciled>;
}

/** Composes a runner. Nothing connects before this is called; {@link Runner.stop} ends all of it. */
export function createRunner(options: RunnerOptions): Runner {
  const { connection, logger, prefix } = options;
  const onError = (err: Error): void => logger.warn({ err }, 'Redis connection');
  const redis = connectRedis(connection, onError);
  const feed = new ChangeFeed(connectRedis(connection, onError));
  const deps = compose(options, redis, keysOf(prefix), new Queues(connection, prefix, onError));
  const workers = new WorkerSet(deps, { connection, prefix, clusters: options.clusters, concurrency: options.concurrency ?? {} });
  let poll: NodeJS.Timeout | undefined;
  let quotaCheck: NodeJS.Timeout | undefined;
  const stopped = new AbortController();
  return {
    async start() {
      await feed.listen(keysOf(prefix).cancels, (run) => void cancelSigned(deps, run));
      poll = setInterval(() => void cancelMissed(deps), deps.timings.cancelPollMs);
      const { intel } = deps.ports;
      if (intel !== undefined) {
        const sync = (): void => void syncQuotas(deps, intel, stopped.signal);
        quotaCheck = setInterval(sync, deps.timings.quotaCheckMs);
        sync();
      }
      await workers.start();
    },
    async stop(deadlineMs) {
      clearInterval(poll);
      clearInterval(quotaCheck);
      stopped.abort();
      await workers.stop(deadlineMs);
      feed.close();
      await deps.queues.close();
      redis.disconnect();
    },
    ready: async () => workers.running && (await within(readyMs, redis.ping()).catch(() => '')) === 'PONG',
    reconcile: () => reconcile(deps),
  };
}

function compose(options: RunnerOptions, redis: Redis, keys: Keys, queues: Queues): RunnerDeps {
  const { playbooks, rules, ports, signer, workerId, logger, clock = (): Date => new Date() } = options;
  const timings = { ...defaultTimings, ...options.timings };
  const actor = `worker:${workerId}`;
  const memory = new ChainMemory();
  const custody = new CustodyWriter(redis, keys, signer, actor, clock, memory);
  const reader = new RedisRunReader(redis, keys);
  const retainMs = options.retainMs ?? defaultRetainMs;
  const alert = alertTo(logger);
  const { trustedKeys: trusted, witness } = options;
  const texts = new SignedTexts(signer, trusted, alert);
  const signed = new SignedRuns(redis, keys, trusted, memory);
  const register = new RegisterWitness({ redis, keys, trusted, alert, memory, ...(witness === undefined ? {} : { file: witness }) });
  return {
    playbooks,
    rules,
    ports,
    nerdctl: options.nerdctl ?? ['nerdctl'],
    ctr: options.ctr ?? ['ctr'],
    log: new RunLog(redis, keys, custody, clock, retainMs),
    reader,
    references: new References(redis, keys, clock),
    moves: new Moves(redis, keys),
    retention: new Retention(redis, keys),
    live: new LiveContents({ redis, keys, trusted, register, clock }),
    life: new RedisEvidenceLife({ redis, keys, custody, reader, signed, evidence: ports.evidence, alert, clock }),
    retainMs,
    actor,
    signed,
    register,
    queues,
    slots: new Slots(redis, keys, {
      max: options.nodeSlots,
      leaseMs: timings.slotLeaseMs,
      staleMs: timings.parkMs * maxParkFactor * 3,
      callMs: timings.parkMs * 3,
    }),
    desk: new LookupDesk(redis, keys, queues, texts, options.answerTtls),
    lookups: new RunLookups(redis, keys, texts),
    containers: new ContainerAlerts(redis, keys, queues, texts),
    triggers: new Triggers({ redis, keys, clock }),
    uploads: new Uploads(redis, keys, texts),
    uploadPolicy: options.uploadPolicy ?? noUploads,
    amendments: new Amendments(redis, keys, queues, timings.amendDebounceMs),
    batches: new RedisBatches(redis, keys, texts, clock),
    batchTargets: new BatchTargets(redis, keys),
    deliveries: new Deliveries({ redis, keys, queues, clock }, custody),
    chats: new Chats(redis, keys, texts),
    texts,
    quota: new QuotaKeys(redis, keys, ports.intel?.keys ?? [{ id: keyId(''), limits: {} }], options.quotaLimits, options.quotaTimes),
    active: new ActiveAttempts(),
    away: new AwayNodes(clock),
    metrics: options.metrics ?? noMetrics,
    timings,
    clock,
    alert,
    logger,
  };
}

/** The message of a cancel is a hint and can be lost; the flag cannot. */
async function cancelMissed(deps: RunnerDeps): Promise<void> {
  for (const run of deps.active.runs()) await cancelSigned(deps, run);
}

/** Anybody can send the message. */
async function cancelSigned(deps: RunnerDeps, run: string): Promise<void> {
  try {
    if (deps.active.runs().includes(run) && (await isCancelled(deps, run))) deps.active.cancel(run);
  } catch (err) {
    deps.logger.warn({ err, run }, 'could not look whether a run was cancelled');
  }
}
