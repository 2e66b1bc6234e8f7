import { z } from 'zod';
import { nerdctlContainers } from '../acquisition/changes/nerdctl.js';
import { fittingContainers } from '../acquisition/containers/fitting.js';
import { findOnNode } from '../acquisition/containers/node-container.js';
import { readNodeRecords } from '../acquisition/containers/node-records.js';
import { withNode } from '../acquisition/node/with-node.js';
import { asTriageError, TriageError } from '../domain/error.js';
import { patientAttempts } from '../domain/retry.js';
import type { Facts, NodeContainer, PodContainer } from '../facts.js';
import { onCluster, rootOnNode } from '../permission.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';

const params = z.strictObject({
  /** `records`: the runtime's own records and the node's mount table. `nerdctl`: what `nerdctl ps` prints. */
  method: z.enum(['records', 'nerdctl']).default('records'),
});

/** Finds the pod's containers on the node by the ids in the pod's status: running ones, ended ones, and those before the last restart. */
export const listContainers = defineStep({
  name: 'list-containers',
  summary: 'Finds the containers on the node and proves that they are the pod’s',
  queue: 'node',
  permissions: [rootOnNode, onCluster('get', 'pods')],
  needs: ['target', 'node', 'podContainers'],
  uses: [],
  writes: ['containers'],
  params,
  timeoutMs: 180_000,
  attempts: patientAttempts,
  async run({ target, node, podContainers }, { method }, ctx) {
    const wanted = podContainers.filter((container) => canBeFound(container, method, ctx));
    if (method === 'nerdctl') checkNerdctlCanSee(wanted, node.name);
    const { found, failure } = await withNode(ctx, target, node, (session) =>
      method === 'nerdctl' ? fromNerdctl(session, target, wanted, ctx) : fromRecords(session, target, wanted, ctx),
    );
    if (found.length === 0) throw failure ?? (await whyNone(target, node.name, ctx));
    return { containers: fittingContainers(found, ctx) };
  },
});

interface Found {
  readonly found: NodeContainer[];
  /** Why the first of those that could not be read could not, if it was for another reason than that it is gone. */
  readonly failure?: TriageError;
}

/** Asks the API server what has become of the pod: another one under its name, none, or the same one of which nothing is left. */
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
      `nothing of any container of ${pod} is on node ${node}: none was started yet, or they were removed while they were looked for`,
    );
  } catch (error) {
    const known = asTriageError(error);
    if (known.code !== 'pod-not-found') return known;
    return new TriageError('pod-gone', `${pod} was deleted before it could be read on node ${node}`, { cause: error });
  }
}

/** Without an id there is nothing to look for yet; and nerdctl's methods run in the container, which an ended one does not let them. */
function canBeFound(container: PodContainer, method: 'records' | 'nerdctl', ctx: StepContext): boolean {
  if (container.id !== '' && (method === 'records' || container.state === 'running')) return true;
  const why = container.id === '' ? 'it has no id yet' : 'this method reads running containers only';
  ctx.gap({ subject: subjectOf(container), reason: 'container-not-running', detail: `its state is ${container.state}: ${why}` });
  return false;
}

function subjectOf({ name, instance }: Pick<PodContainer, 'name' | 'instance'>): string {
  return instance === 'current' ? `container ${name}` : `container ${name} (previous instance)`;
}

function checkNerdctlCanSee(wanted: readonly PodContainer[], node: string): void {
  if (!wanted.some(({ runtime }) => runtime === 'cri-o')) return;
  throw new TriageError(
    'runtime-unsupported',
    `node ${node} runs CRI-O, whose containers nerdctl cannot see (it speaks to containerd only); playbook a-f-02 can read them`,
  );
}

async function fromNerdctl(session: NodeSession, target: Facts['target'], wanted: readonly PodContainer[], ctx: StepContext): Promise<Found> {
  return { found: await nerdctlContainers(session, target, wanted, ctx) };
}

/** What keeps us from one container and says nothing of the others. */
const ofOneContainer: ReadonlySet<string> = new Set([
  'command-failed',
  'container-not-running',
  'limit-exceeded',
  'runtime-unsupported',
  'tool-missing',
]);

async function fromRecords(session: NodeSession, target: Facts['target'], wanted: readonly PodContainer[], ctx: StepContext): Promise<Found> {
  const ids = wanted.map(({ id }) => id);
  const node = await readNodeRecords(session, ids, ctx.signal);
  await ctx.record({ act: 'node.tools', subject: session.node.name, detail: { tools: node.facts.tools } });
  const found: NodeContainer[] = [];
  const failures: TriageError[] = [];
  for (const container of wanted) {
    try {
      found.push(await findOnNode(session, node, target, container, ctx));
    } catch (error) {
      const known = asTriageError(error);
      if (!ofOneContainer.has(known.code)) throw known;
      ctx.gap({ subject: subjectOf(container), reason: known.code, detail: known.message });
      failures.push(known);
    }
  }
  const failure = failures.find(({ code }) => code !== 'container-not-running');
  return { found, ...(failure === undefined ? {} : { failure }) };
}
