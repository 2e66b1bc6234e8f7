import { z } from 'zod';
import { nerdctlContainers } from '../acquisition/nerdctl.js';
import { findOnNode } from '../acquisition/node-container.js';
import { readNodeFacts } from '../acquisition/node-facts.js';
import { withNode } from '../acquisition/with-node.js';
import { asTriageError, TriageError } from '../domain/error.js';
import type { Facts, NodeContainer, PodContainer } from '../facts.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';

const params = z.strictObject({
  /** `records`: the runtime's own records and the node's mount table. `nerdctl`: what `nerdctl ps` prints. */
  method: z.enum(['records', 'nerdctl']).default('records'),
});

/** Finds the pod's running containers on the node, by the ids in the pod's status. */
export const listContainers = defineStep({
  name: 'list-containers',
  summary: 'Finds the containers on the node and proves that they are the pod’s',
  queue: 'node',
  permissions: ['node: sudo env', 'get pods'],
  needs: ['target', 'node', 'podContainers'],
  uses: [],
  writes: ['containers'],
  params,
  timeoutMs: 180_000,
  attempts: 4,
  async run({ target, node, podContainers }, { method }, ctx) {
    const wanted = podContainers.filter((container) => isRunning(container, ctx));
    if (method === 'nerdctl') checkNerdctlCanSee(wanted, node.name);
    const containers = await withNode(ctx, target, node, (session) =>
      method === 'nerdctl' ? nerdctlContainers(session, target, wanted, ctx) : fromRecords(session, target, wanted, ctx),
    );
    if (containers.length === 0) throw await whyNone(target, node.name, ctx);
    return { containers };
  },
});

/** Asks the API server what has become of the pod: another one under its name, none, or the same one without a running container. */
async function whyNone(target: Facts['target'], node: string, ctx: StepContext): Promise<TriageError> {
  const pod = `pod ${target.namespace}/${target.pod} (uid ${target.uid})`;
  try {
    const { uid } = await ctx.cluster.pod(target, ctx.signal);
    if (uid !== target.uid)
      return new TriageError(
        'uid-mismatch',
        `${pod} was deleted and made anew as uid ${uid} before it could be read; triage the new one by a new run`,
      );
    return new TriageError(
      'container-not-running',
      `no container of ${pod} runs on node ${node}: it has ended, or was restarted while it was looked for`,
    );
  } catch (error) {
    const known = asTriageError(error);
    if (known.code !== 'pod-not-found') return known;
    return new TriageError('pod-gone', `${pod} was deleted before it could be read on node ${node}`, { cause: error });
  }
}

function isRunning(container: PodContainer, ctx: StepContext): boolean {
  if (container.state === 'running') return true;
  // An init container that has done its work is no surprise, but its layer was not looked at all the same.
  ctx.gap({
    subject: `container ${container.name}`,
    reason: 'container-not-running',
    detail: `its state is ${container.state}; only running containers are read`,
  });
  return false;
}

function checkNerdctlCanSee(wanted: readonly PodContainer[], node: string): void {
  if (!wanted.some(({ runtime }) => runtime === 'cri-o')) return;
  throw new TriageError(
    'runtime-unsupported',
    `node ${node} runs CRI-O, whose containers nerdctl cannot see (it speaks to containerd only); playbook a-f-02 can read them`,
  );
}

async function fromRecords(
  session: NodeSession,
  target: Facts['target'],
  wanted: readonly PodContainer[],
  ctx: StepContext,
): Promise<NodeContainer[]> {
  const facts = await readNodeFacts(session, ctx.signal);
  await ctx.record({ act: 'node.tools', subject: session.node.name, detail: { tools: facts.tools } });
  const found: NodeContainer[] = [];
  for (const container of wanted) {
    try {
      found.push(await findOnNode(session, facts, target, container, ctx.signal));
    } catch (error) {
      const known = asTriageError(error);
      if (known.code !== 'container-not-running') throw known;
      ctx.gap({ subject: `container ${container.name}`, reason: known.code, detail: known.message });
    }
  }
  return found;
}
