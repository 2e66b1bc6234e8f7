import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ndjson, readListing } from '../playbooks/acquisition/ndjson.js';
import { type Change, changeSchema } from '../playbooks/domain/change.js';
import { runRequestSchema } from '../playbooks/domain/request.js';
import { noUploads } from '../playbooks/domain/upload.js';
import { type Board, factSchemas } from '../playbooks/facts.js';
import type { EvidencePort, NodePort, StepContext } from '../playbooks/ports.js';
import type { Step } from '../playbooks/step.js';
import { diffFilesystem } from '../playbooks/steps/diff-filesystem.js';
import { exportFiles } from '../playbooks/steps/export-files.js';
import { listContainers } from '../playbooks/steps/list-containers.js';
import { locateNode } from '../playbooks/steps/locate-node.js';
import { createDiskEvidence } from '../store/evidence/disk.js';
import { lab } from '../test/e2e/lab.js';
import { alone } from '../test/support/moves.js';
import { createClusters } from '../workers/adapters/kubernetes/clusters.js';
import { createSshNodes, type SshNodes } from '../workers/adapters/node/ssh-nodes.js';

const GiB = 1024 ** 3;

/** What is known of a pod before its files are taken: the board of the steps before, and the listing of its changes. */
export interface Listed {
  readonly board: Board;
  readonly changes: readonly Change[];
}

/** What one acquisition took: distinct files that came, and their bytes. */
export interface Taken {
  readonly files: number;
  readonly bytes: number;
  readonly ms: number;
}

/** Nodes of the lab by SSH, as the user that needs sudo. */
export function labNodes(): SshNodes {
  return createSshNodes({
    user: lab.ssh.users.sudo,
    port: 22,
    login: { privateKeyFile: lab.ssh.key },
    knownHosts: lab.ssh.knownHosts,
    sudo: ['sudo', '-n'],
    connectTimeoutMs: 15_000,
    keepaliveMs: 5_000,
  });
}

/** Runs the steps of `a-f-02` that come before the taking of files. */
export async function listPod(pod: string): Promise<Listed> {
  const folder = await mkdtemp(join(tmpdir(), 'podtriage-bench-'));
  try {
    const evidence = await newStore(folder);
    return await withNodes(async (nodes) => {
      const ctx = context(pod, nodes, evidence);
      let board: Board = {};
      for (const step of [locateNode, listContainers, diffFilesystem]) board = { ...board, ...(await ran(step, board, ctx)) };
      const { sha256 } = factSchemas.changes.parse(board.changes);
      return { board, changes: await readListing(evidence, sha256, changeSchema) };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Takes the files below a folder of a listed pod as the step `export-files` does, over a login of its own and into a new evidence store in
 * the folder `stores`.
 */
export async function acquire(pod: string, { board, changes }: Listed, folder: string, stores: string): Promise<Taken> {
  const evidence = await newStore(stores);
  const rows = changes.filter(({ type, path }) => type === 'file' && path.text.startsWith(folder));
  const { sha256 } = await evidence.put(ndjson(rows), new AbortController().signal);
  const listing = { ...factSchemas.changes.parse(board.changes), sha256, count: rows.length };
  const started = performance.now();
  const made = await withNodes((nodes) => ran(exportFiles, { ...board, changes: listing }, context(pod, nodes, evidence)));
  const { bytes, stored } = factSchemas.artifacts.parse(made.artifacts);
  return { files: stored, bytes, ms: performance.now() - started };
}

async function ran(step: Step, board: Board, ctx: StepContext): Promise<Board> {
  return step.bind({})(board, ctx);
}

async function withNodes<T>(act: (nodes: NodePort) => Promise<T>): Promise<T> {
  const nodes = labNodes();
  try {
    return await act(nodes);
  } finally {
    await nodes.close();
  }
}

async function newStore(stores: string): Promise<EvidencePort> {
  return createDiskEvidence(await mkdtemp(join(stores, 'evidence-')));
}

/** A run without its engine: gaps are failures here, and nothing is recorded. */
function context(pod: string, nodes: NodePort, evidence: EvidencePort): StepContext {
  const cluster = createClusters({ default: lab.kubeconfig });
  const limits = { fileBytes: 4 * GiB, files: 50_000, totalBytes: 16 * GiB, changes: 100_000 };
  const request = runRequestSchema.parse({ target: { namespace: lab.namespace, pod }, options: { acquire: 'all', limits } });
  const never = (): never => {
    throw new Error('not part of an acquisition');
  };
  return {
    run: {
      id: 'bench',
      createdAt: new Date().toISOString(),
      requestedBy: 'bench',
      request,
      playbook: { name: 'bench', sha256: '', title: '' },
      limits,
    },
    attempt: 1,
    signal: new AbortController().signal,
    clock: () => new Date(),
    log: { info: () => undefined, warn: () => undefined },
    rules: [],
    nerdctl: [lab.programs.nerdctl],
    ctr: ['ctr'],
    cluster,
    inContainer: cluster,
    nodes,
    evidence,
    moves: alone,
    history: { steps: never, artifacts: never, lookups: never, custody: never, acts: never },
    recordArtifacts: () => Promise.resolve(),
    recordLookups: never,
    replaceLookups: never,
    answers: never,
    uploadPolicy: noUploads,
    uploaded: never,
    record: () => Promise.resolve(),
    gap: (gap) => {
      throw new Error(`${gap.subject}: ${gap.reason}: ${gap.detail}`);
    },
    limit: () => undefined,
  };
}
