import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import { readingOf } from '../acquisition/node/safe-tree.js';
import { withNode } from '../acquisition/node/with-node.js';
import { artifactsFromContainer } from '../acquisition/taking/acquire-in-container.js';
import { artifactsFromNode } from '../acquisition/taking/acquire-node.js';
import { planAcquisition } from '../acquisition/taking/plan.js';
import type { Artifact } from '../domain/artifact.js';
import { type Change, changeSchema } from '../domain/change.js';
import { patientAttempts } from '../domain/retry.js';
import type { Facts } from '../facts.js';
import { onCluster, rootOnNode, tarInContainer } from '../permission.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keepListing } from './derived.js';

const params = z.strictObject({
  /** `node`: read on the node. `kubectl-cp`: by the suspect's own tar, through the API server. */
  method: z.enum(['node', 'kubectl-cp']).default('node'),
});

/** Takes the changed files. Its end is the milestone after which the pod may be stopped. */
export const exportFiles = defineStep({
  name: 'export-files',
  summary: 'Hashes the changed files on the node, then moves what the evidence store does not have yet',
  queue: 'node',
  permissions: ({ method }) => (method === 'node' ? [rootOnNode] : [onCluster('get', 'pods'), ...tarInContainer]),
  needs: ['target', 'node', 'containers', 'changes'],
  uses: [],
  writes: ['artifacts'],
  params,
  timeoutMs: 2 * 60 * 60_000,
  attempts: patientAttempts,
  async run({ target, node, containers, changes }, { method }, ctx) {
    // It is read while the login is waited for; where that fails, nobody asks for it.
    const planned = plan(ctx, changes, method === 'kubectl-cp');
    const ended = planned.catch(() => undefined);
    const taking =
      method === 'kubectl-cp'
        ? fromContainer(ctx, target, planned)
        : withNode(ctx, target, node, async (session) => fromNode(ctx, session, containers, await planned));
    const taken = await taking.finally(() => ended);
    return { artifacts: await summary(ctx, taken, method === 'node' ? 'node' : 'in-container') };
  },
});

/** The files to take, of those that are listed. */
async function plan(ctx: StepContext, { sha256 }: Facts['changes'], untyped: boolean): Promise<readonly Change[]> {
  const { take, limits } = planAcquisition(await readListing(ctx.evidence, sha256, changeSchema), ctx.run.limits, untyped);
  for (const limit of limits) ctx.limit(limit);
  return take;
}

async function fromNode(ctx: StepContext, session: NodeSession, containers: Facts['containers'], take: readonly Change[]): Promise<Artifact[]> {
  const artifacts = await artifactsFromNode(session, containers, take, ctx);
  const reading = readingOf(session);
  if (reading !== undefined) await ctx.record({ act: 'node.tools', subject: session.node.name, detail: { reading } });
  const left = artifacts.filter(isLeft);
  if (left.length > 0) {
    const mode = ctx.run.request.options.acquire;
    const detail = `${left.length} files with ${bytesOf(left)} bytes were hashed on the node and not moved (acquire: ${mode}); a run with --acquire all moves them`;
    ctx.limit({ subject: 'files left on the node', reason: 'left-on-node', detail });
  }
  return artifacts;
}

/** There the suspect's tar is all there is: nothing can be hashed without being moved. */
async function fromContainer(ctx: StepContext, target: Facts['target'], planned: Promise<readonly Change[]>): Promise<Artifact[]> {
  const take = await planned;
  if (ctx.run.request.options.acquire !== 'hashes') return artifactsFromContainer(ctx, target, take);
  const detail = 'the method kubectl-cp cannot hash a file without moving it (acquire: hashes)';
  if (take.length > 0) ctx.limit({ subject: `${take.length} files`, reason: 'not-hashed', detail });
  return [];
}

async function summary(ctx: StepContext, artifacts: readonly Artifact[], method: Facts['artifacts']['method']): Promise<Facts['artifacts']> {
  const listing = await keepListing(ctx, 'artifacts', artifacts);
  const known = artifacts.filter((artifact) => artifact.known).length;
  const left = artifacts.filter(isLeft).length;
  return { ...listing, bytes: bytesOf(artifacts), stored: artifacts.length - known - left, known, left, method };
}

function isLeft(artifact: Artifact): boolean {
  return artifact.left === true;
}

function bytesOf(artifacts: readonly Artifact[]): number {
  return artifacts.reduce((sum, { size }) => sum + size, 0);
}
