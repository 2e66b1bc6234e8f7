import { z } from 'zod';
import { fittingContainers } from '../acquisition/containers/fitting.js';
import { asTriageError, TriageError } from '../domain/error.js';
import { patientAttempts } from '../domain/retry.js';
import type { Facts } from '../facts.js';
import { onCluster } from '../permission.js';
import type { PodSnapshot, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keep } from './derived.js';

/** Finds the pod and its node, and keeps what the API server knows of it: once the pod is gone, nobody can ask again. */
export const locateNode = defineStep({
  name: 'locate-node',
  summary: 'Finds the pod, its node and its containers; keeps the pod object and its events',
  queue: 'cluster',
  permissions: [onCluster('get', 'pods'), onCluster('get', 'nodes'), onCluster('get', 'namespaces'), onCluster('list', 'events')],
  needs: [],
  uses: [],
  writes: ['target', 'node', 'podContainers'],
  params: z.strictObject({}),
  timeoutMs: 120_000,
  attempts: patientAttempts,
  async run(_facts, _params, ctx) {
    const { target: asked } = ctx.run.request;
    const pod = await ctx.cluster.pod(asked, ctx.signal);
    await keepJson(ctx, 'pod', pod.raw);
    if (asked.container !== undefined) checkContainer(pod, asked.container, ctx);
    await keepEvents(ctx, pod.uid);
    if (pod.node === undefined) {
      throw new TriageError('not-scheduled', `pod ${asked.namespace}/${asked.pod} has no node yet: there is nothing to acquire until it runs`);
    }
    const node = await ctx.cluster.node(asked.cluster, pod.node, ctx.signal);
    const target: Facts['target'] = { ...asked, uid: pod.uid, ...(pod.staticUid === undefined ? {} : { staticUid: pod.staticUid }) };
    return { target, node: { name: node.name, address: node.address }, podContainers: fittingContainers(chosen(pod, asked.container), ctx) };
  },
});

function chosen(pod: PodSnapshot, container: string | undefined): Facts['podContainers'] {
  return pod.containers.filter(({ name }) => container === undefined || name === container);
}

function checkContainer(pod: PodSnapshot, container: string, ctx: StepContext): void {
  if (pod.containers.some(({ name }) => name === container)) return;
  const { namespace, pod: name } = ctx.run.request.target;
  const names = pod.containers.map((known) => known.name).join(', ') || 'none';
  throw new TriageError('container-not-found', `pod ${namespace}/${name} has no container "${container}"; it has: ${names}`);
}

/** What the cluster refuses or lacks is a gap; trouble with our own store or a stopped run is not for the report to explain away. */
const ofTheCluster: ReadonlySet<string> = new Set(['cluster-forbidden', 'cluster-unreachable']);

async function keepEvents(ctx: StepContext, uid: string): Promise<void> {
  try {
    await keepJson(ctx, 'events', await ctx.cluster.events(ctx.run.request.target, uid, ctx.signal));
  } catch (error) {
    const known = asTriageError(error);
    if (!ofTheCluster.has(known.code)) throw known;
    ctx.gap({ subject: 'events of the pod', reason: known.code, detail: known.message });
  }
}

async function keepJson(ctx: StepContext, kind: 'pod' | 'events', value: unknown): Promise<void> {
  await keep(ctx, { kind, name: kind, method: 'cluster-api' }, [Buffer.from(JSON.stringify(value, null, 2))]);
}
