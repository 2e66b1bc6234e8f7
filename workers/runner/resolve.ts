import type { Job, Processor } from 'bullmq';
import { afterMs } from '../../playbooks/domain/abort.js';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import type { ContainerRef } from '../../playbooks/domain/trigger.js';
import type { PodListPort } from '../../playbooks/ports.js';
import { type ContainerPod, containerJobSchema, containerOf } from '../../store/container-alerts.js';
import type { RunnerDeps } from './deps.js';
import { handBack } from './parking.js';

/** How long the pods of a cluster may take to be listed, in milliseconds. */
const timeoutMs = 60_000;
/** A flood of alerts about containers is answered from one list. */
const listedForMs = 2_000;

/** Makes the function that BullMQ calls to find the pod of an alert's container. What the last attempt does not find is put among what was left. */
export function resolveProcessor(deps: RunnerDeps, pods: PodListPort): Processor {
  const containers = new Containers(pods);
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const ask = containerJobSchema.parse(job.data);
    const asked = await deps.containers.read(ask);
    const suspect = asked?.alert.suspect;
    const about = asked === undefined ? undefined : containerOf(asked.alert);
    // What no API has signed, or is over, asks for nothing; the former has been reported.
    if (asked === undefined || suspect === undefined || about === undefined || !('containerId' in suspect)) return;
    const timeout = afterMs(timeoutMs);
    try {
      const until = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
      const pod = (await deps.containers.podOf(about)) ?? (await containers.find(suspect.containerId, until));
      await deps.containers.found(ask, about, pod);
    } catch (err) {
      if (signal?.reason === 'shutdown') return handBack(job, token);
      const { code } = asTriageError(err);
      deps.logger.warn({ err, container: about }, 'the pod of a container could not be found');
      if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) await deps.triggers.leave(about, asked.alert.rule, code);
      throw err;
    }
  };
}

type Pods = ReadonlyMap<string, ContainerPod>;

/** Which pod a container is of, by what the API server says. */
class Containers {
  private readonly lists = new Map<string, { readonly since: number; readonly pods: Promise<Pods> }>();

  constructor(private readonly port: PodListPort) {}

  /** Throws `container-not-found`, `conflict` where a shortened id fits several, and what listing pods throws. */
  async find({ cluster, id, node }: ContainerRef, signal: AbortSignal): Promise<ContainerPod> {
    // Falco says its own pod's name where it should say the node's: then no pod is on that node.
    const near = node === undefined ? undefined : oneOf(await this.list(cluster, node, signal), id);
    const found = near ?? oneOf(await this.list(cluster, undefined, signal), id);
    if (found === undefined) throw new TriageError('container-not-found', `no pod of cluster "${cluster}" has a container ${id}`);
    return found;
  }

  private list(cluster: string, node: string | undefined, signal: AbortSignal): Promise<Pods> {
    const key = `${cluster} ${node ?? ''}`;
    const now = Date.now();
    for (const [name, { since }] of this.lists) if (now - since > listedForMs) this.lists.delete(name);
    const known = this.lists.get(key);
    if (known !== undefined) return known.pods;
    const pods = this.read(cluster, node, signal);
    this.lists.set(key, { since: now, pods });
    // What failed is asked again by the next one.
    pods.catch(() => this.lists.delete(key));
    return pods;
  }

  private async read(cluster: string, node: string | undefined, signal: AbortSignal): Promise<Pods> {
    const all = new Map<string, ContainerPod>();
    for await (const page of this.port.list(cluster, node === undefined ? {} : { node }, signal))
      for (const { namespace, pod, uid, containerIds } of page) for (const id of containerIds) all.set(id, { namespace, pod, uid });
    return all;
  }
}

function oneOf(pods: Pods, id: string): ContainerPod | undefined {
  const fits = new Map([...pods].filter(([full]) => full.startsWith(id)).map(([, pod]) => [pod.uid, pod]));
  if (fits.size > 1) throw new TriageError('conflict', `${fits.size} pods have a container whose id begins with ${id}`);
  return fits.values().next().value;
}
