import type { Redis } from 'ioredis';
import { z } from 'zod';
import { reachSchema } from '../playbooks/domain/access.js';
import { targetSchema } from '../playbooks/domain/request.js';
import { type Alert, alertSchema } from '../playbooks/domain/trigger.js';
import type { PodAlert } from '../playbooks/triggers/match.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import type { Queues } from './queues.js';
import type { SignedTexts } from './signed-text.js';

/** The queue of the alerts whose pod has been found. */
export const resolvedQueue = 'resolved';

/** The queue of the alerts whose pod a worker with credentials for the cluster is to find. */
export function resolveQueue(cluster: string): string {
  return `resolve.${cluster}`;
}

/** An alert about a container is worth something as long as its pod is. */
const alertSeconds = 86_400;
/** Ids of containers are never given again. */
const podSeconds = 86_400;
/** A container can be reported before the API server knows of it: tries over about two minutes. */
const attempts = 8;

/** What a job of both queues carries: a text that an API has signed. */
export const containerJobSchema = z.strictObject({ fingerprint: z.string().regex(/^[0-9a-f]{64}$/), alert: z.string().max(100_000) });
type ContainerJob = z.output<typeof containerJobSchema>;

const askedSchema = z.strictObject({
  alert: alertSchema,
  /** Who has told it, and the pods that he may have looked at. */
  actor: z.string().min(1).max(200),
  reach: reachSchema,
  once: z.boolean(),
  /** The id of the run that it opens, if it opens one: who sends it again can have no second one opened. */
  run: z.string().regex(/^r[0-9a-z]{19}$/),
});
/** An alert of which only the container is known. */
export type Asked = z.output<typeof askedSchema>;

const podSchema = z.strictObject({ namespace: targetSchema.shape.namespace, pod: targetSchema.shape.pod, uid: z.string().min(1).max(100) });
/** The pod of a container. */
export type ContainerPod = z.output<typeof podSchema>;

/** Alerts on their way from the API, which may have runs requested, to a worker, which may ask clusters, and back. Methods throw `redis-unavailable`. */
export class ContainerAlerts {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly queues: Queues,
    private readonly texts: SignedTexts,
  ) {}

  /** Asks for the pod of an alert's container. For the API. */
  async ask(cluster: string, asked: Asked): Promise<void> {
    const { fingerprint } = asked.alert;
    const alert = this.texts.sign({ purpose: 'alert', about: fingerprint }, asked, alertSeconds);
    await this.add(resolveQueue(cluster), { fingerprint, alert });
  }

  /** What an API has asked for; undefined where none has. */
  read({ fingerprint, alert }: ContainerJob): Promise<Asked | undefined> {
    return this.texts.read({ purpose: 'alert', about: fingerprint }, askedSchema, alert, () => Promise.resolve());
  }

  /** Says which pod it is, and hands the alert back. For a worker. */
  async found(job: ContainerJob, about: string, pod: ContainerPod): Promise<void> {
    const text = this.texts.sign({ purpose: 'container-pod', about }, pod, podSeconds);
    await ofRedis(() => this.redis.set(this.keys.containerPod(about), text, 'EX', podSeconds));
    await this.add(resolvedQueue, job);
  }

  /** The pod of a container (`cluster/id`), as a worker has found it. */
  async podOf(about: string): Promise<ContainerPod | undefined> {
    const key = this.keys.containerPod(about);
    const text = await ofRedis(() => this.redis.get(key));
    return this.texts.read({ purpose: 'container-pod', about }, podSchema, text, () => ofRedis(() => this.redis.del(key)));
  }

  private async add(queue: string, job: ContainerJob): Promise<void> {
    const backoff = { type: 'exponential', delay: 1_000, jitter: 0.25 };
    const opts = { jobId: `alert.${job.fingerprint}`, attempts, backoff, removeOnComplete: true, removeOnFail: true };
    await ofRedis(() => this.queues.get(queue).add('alert', job, opts));
  }
}

/** The container that an alert is about, as `cluster/id`; undefined for one about a pod. */
export function containerOf({ suspect }: Pick<Alert, 'suspect'>): string | undefined {
  return 'containerId' in suspect ? `${suspect.containerId.cluster}/${suspect.containerId.id}` : undefined;
}

/** The alert with the pod of its container in it. */
export function withPod(alert: Alert, cluster: string, { namespace, pod, uid }: ContainerPod): PodAlert {
  return { ...alert, suspect: { target: { cluster, namespace, pod }, uid } };
}
