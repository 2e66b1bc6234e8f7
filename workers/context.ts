import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { catalog } from '../playbooks/catalog.js';
import type { EndpointsConfig } from '../playbooks/delivery/endpoints.js';
import { afterMs } from '../playbooks/domain/abort.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { UploadPolicy } from '../playbooks/domain/upload.js';
import type { Playbook } from '../playbooks/playbook.js';
import type { IntelPort, NodePort } from '../playbooks/ports.js';
import type { Rule } from '../playbooks/rule.js';
import { loadPlaybooks, loadRules } from '../store/definitions.js';
import type { EvidenceKeeper } from '../store/evidence/keeper.js';
import type { AnswerTtls } from '../store/lookup-desk.js';
import { packageRoot } from '../store/package-root.js';
import type { TrustedKeys } from '../store/public-keys.js';
import type { QuotaLimits } from '../store/quota.js';
import type { RedisEndpoint } from '../store/redis.js';
import type { Signer } from '../store/signing-key.js';
import { openEndpoints } from './adapters/delivery/open-endpoints.js';
import { type HashListFiles, type HashLists, loadHashLists } from './adapters/hash-lists/hash-lists.js';
import { createClusters } from './adapters/kubernetes/clusters.js';
import { createSshNodes } from './adapters/node/ssh-nodes.js';
import { parseKeyFile } from './adapters/virustotal/key-file.js';
import { createVirusTotal } from './adapters/virustotal/virustotal.js';
import { runnerMetrics } from './metrics.js';
import { createRunner, type Runner } from './runner/create-runner.js';

/** What the hands of podtriage hold; the only place where credentials of clusters, nodes and intelligence sources are read. */
export interface WorkerConfig {
  readonly cluster: { readonly name: string; readonly kubeconfig: string };
  readonly ssh: {
    readonly user?: string | undefined;
    readonly keyFile?: string | undefined;
    readonly agent?: string | undefined;
    readonly port: number;
    readonly knownHosts: string;
    readonly sudo: readonly string[];
    /** Bytes a second that one node may send; 0: no cap. */
    readonly bandwidth: number;
  };
  /** Absent key file: hashes are not asked for, and the report says so. */
  readonly virusTotal: {
    readonly url: string;
    readonly keyFile?: string | undefined;
    /** For keys that have none of their own in the file. */
    readonly limits: QuotaLimits;
    readonly answerTtls: AnswerTtls;
    /** What runs may give away. */
    readonly uploads: UploadPolicy;
  };
  /** Hashes that are answered without asking anybody. */
  readonly hashLists: HashListFiles;
  readonly nerdctl: readonly string[];
  readonly ctr: readonly string[];
  readonly nodeSlots: number;
  /** Whether steps may run tar in the suspect's containers (method `kubectl-cp`). */
  readonly inContainer: boolean;
  /** How long a worker may be silent, in milliseconds, before its step goes to another one. */
  readonly lockMs: number;
  /** How long evidence is kept where a run does not say it, in milliseconds. */
  readonly retainMs: number;
  /** Where results go. Absent: these workers tell nobody anything. */
  readonly endpoints?: EndpointsConfig;
  /** Where people find the API, for links in what is sent. */
  readonly publicUrl?: string;
}

/** Hundreds of millions of hashes take minutes. */
const loadWithinMs = 15 * 60_000;

/** What workers share with the API process of the same machine. */
export interface WorkerSurroundings {
  readonly connection: RedisEndpoint;
  readonly prefix: string;
  readonly evidence: EvidenceKeeper;
  readonly playbooks: ReadonlyMap<string, Playbook>;
  readonly rules: readonly Rule[];
  /** The key that workers sign with, and those that they believe. */
  readonly signer: Signer;
  readonly trustedKeys: TrustedKeys;
  /** File in which they keep what they have seen of the register of runs. */
  readonly witness: string;
  readonly log: Logger;
  /** What the workers count is put here. */
  readonly registry: Registry;
}

/** The playbooks and rules that come with the project. */
export async function loadKnowledge(): Promise<Pick<WorkerSurroundings, 'playbooks' | 'rules'>> {
  const folder = join(packageRoot(), 'playbooks');
  return { playbooks: await loadPlaybooks(join(folder, 'definitions'), catalog), rules: await loadRules(join(folder, 'rules')) };
}

/** Composes the workers of one process. Nothing is connected yet. */
export async function createWorkers(config: WorkerConfig, around: WorkerSurroundings): Promise<Runner> {
  const cluster = openCluster(config);
  const intel = await openIntel(config);
  const hashLists = await openHashLists(config, afterMs(loadWithinMs, `the hash lists were not read within ${loadWithinMs / 60_000} min`));
  const nodes = openNodes(config);
  const runner = createRunner({
    connection: around.connection,
    prefix: around.prefix,
    clusters: [config.cluster.name],
    playbooks: around.playbooks,
    rules: around.rules,
    ports: {
      cluster,
      nodes,
      pods: cluster,
      evidence: around.evidence,
      keeper: around.evidence,
      ...(config.inContainer ? { inContainer: cluster } : {}),
      ...(intel === undefined ? {} : { intel }),
      ...(config.endpoints === undefined ? {} : { endpoints: await openEndpoints(config.endpoints, config.publicUrl) }),
      hashLists,
    },
    nerdctl: config.nerdctl,
    ctr: config.ctr,
    nodeSlots: config.nodeSlots,
    quotaLimits: config.virusTotal.limits,
    answerTtls: config.virusTotal.answerTtls,
    uploadPolicy: config.virusTotal.uploads,
    retainMs: config.retainMs,
    timings: { lockMs: config.lockMs, stalledMs: config.lockMs / 2 },
    logger: around.log,
    metrics: runnerMetrics(around.registry),
    signer: around.signer,
    trustedKeys: around.trustedKeys,
    witness: around.witness,
    workerId: `${hostname()}-${randomUUID().slice(0, 8)}`,
  });
  return {
    ...runner,
    async stop(deadlineMs) {
      await runner.stop(deadlineMs);
      await nodes.close();
    },
  };
}

/** The cluster that this installation has credentials for. Throws `config-invalid`. */
export function openCluster({ cluster }: Pick<WorkerConfig, 'cluster'>): ReturnType<typeof createClusters> {
  return createClusters({ [cluster.name]: cluster.kubeconfig });
}

/** Nodes over SSH; without a key file or an agent each login fails with what to set. */
export function openNodes({ ssh }: Pick<WorkerConfig, 'ssh'>): NodePort & { close(): Promise<void> } {
  const login = ssh.keyFile !== undefined ? { privateKeyFile: ssh.keyFile } : ssh.agent !== undefined ? { agentSocket: ssh.agent } : undefined;
  if (login === undefined) {
    const missing = new TriageError('config-invalid', 'there is no key to log in to nodes with: set PODTRIAGE_SSH_KEY, or start an ssh agent');
    return { connect: () => Promise.reject(missing), close: () => Promise.resolve() };
  }
  const { port, knownHosts, sudo, bandwidth, user = userInfo().username } = ssh;
  return createSshNodes({ user, port, login, knownHosts, sudo, bandwidth, connectTimeoutMs: 15_000, keepaliveMs: 5_000 });
}

/** All of them in memory, 32 bytes a hash. Throws `config-invalid`. */
export function openHashLists({ hashLists }: Pick<WorkerConfig, 'hashLists'>, signal: AbortSignal): Promise<HashLists> {
  return loadHashLists(hashLists, signal);
}

/** VirusTotal, if keys were given. Throws `config-invalid`. */
export async function openIntel({ virusTotal }: Pick<WorkerConfig, 'virusTotal'>): Promise<IntelPort | undefined> {
  if (virusTotal.keyFile === undefined) return undefined;
  const apiKeys = parseKeyFile(await readFile(virusTotal.keyFile, 'utf8'), virusTotal.keyFile);
  return createVirusTotal({ url: virusTotal.url, apiKeys, uploads: virusTotal.uploads.mode !== 'never' });
}
