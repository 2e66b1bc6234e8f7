import { z } from 'zod';
import { artifactsFromContainer } from '../acquisition/acquire-in-container.js';
import { artifactsFromNode } from '../acquisition/acquire-node.js';
import { readListing } from '../acquisition/ndjson.js';
import { planAcquisition } from '../acquisition/plan.js';
import { withNode } from '../acquisition/with-node.js';
import type { Artifact } from '../domain/artifact.js';
import { changeSchema } from '../domain/change.js';
import type { Facts } from '../facts.js';
import type { StepContext } from '../ports.js';
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
  permissions: ['node: sudo env', 'create pods/exec (method kubectl-cp only)'],
  needs: ['target', 'node', 'containers', 'changes'],
  uses: [],
  writes: ['artifacts'],
  params,
  timeoutMs: 2 * 60 * 60_000,
  attempts: 4,
  async run({ target, node, containers, changes }, { method }, ctx) {
    const listed = await readListing(ctx.evidence, changes.sha256, changeSchema);
    const { take, limits } = planAcquisition(listed, ctx.run.limits, method === 'kubectl-cp');
    for (const limit of limits) ctx.limit(limit);
    const taken =
      method === 'kubectl-cp'
        ? await artifactsFromContainer(ctx, target, take)
        : await withNode(ctx, target, node, (session) => artifactsFromNode(session, containers, take, ctx));
    return { artifacts: await summary(ctx, taken, method === 'node' ? 'node' : 'in-container') };
  },
});

async function summary(ctx: StepContext, artifacts: readonly Artifact[], method: Facts['artifacts']['method']): Promise<Facts['artifacts']> {
  const listing = await keepListing(ctx, 'artifacts', artifacts);
  const known = artifacts.filter((artifact) => artifact.known).length;
  const bytes = artifacts.reduce((sum, { size }) => sum + size, 0);
  return { ...listing, bytes, stored: artifacts.length - known, known, left: 0, method };
}
