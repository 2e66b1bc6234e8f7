import { FlowProducer, Queue } from 'bullmq';
import type { StepQueue } from '../playbooks/step.js';
import type { RedisEndpoint } from './redis.js';

/** What a job carries. Everything else comes from the run's signed request. */
export interface StepJob {
  readonly run: string;
  readonly step: string;
}

/** The queue of a step. Steps on a cluster or its nodes have queues of their own, taken by workers with credentials for that cluster. */
export function queueName(queue: StepQueue, cluster: string): string {
  return queue === 'cluster' || queue === 'node' ? `${queue}.${cluster}` : queue;
}

/** The id of a step's job. BullMQ runs a job of one id once. */
export function jobId(run: string, step: string): string {
  return `${run}.${step}`;
}

/** The BullMQ queues of one process, each opened when first used. */
export class Queues {
  private readonly open = new Map<string, Queue>();
  private producer: FlowProducer | undefined;

  constructor(
    private readonly connection: RedisEndpoint,
    readonly prefix: string,
    private readonly onError: (error: Error) => void = () => undefined,
  ) {}

  get(name: string): Queue {
    const known = this.open.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: this.connection, prefix: this.prefix });
    queue.on('error', this.onError);
    this.open.set(name, queue);
    return queue;
  }

  flows(): FlowProducer {
    if (this.producer === undefined) {
      this.producer = new FlowProducer({ connection: this.connection, prefix: this.prefix });
      this.producer.on('error', this.onError);
    }
    return this.producer;
  }

  /** Lets a parked job go on now. A hint: a lost one costs the rest of its delay. */
  async wake(queue: string, id: string): Promise<void> {
    try {
      const job: { promote(): Promise<void> } | undefined = await this.get(queue).getJob(id);
      await job?.promote();
    } catch {
      // Not delayed, or gone: it needs no waking.
    }
  }

  async close(): Promise<void> {
    const all = [...this.open.values(), ...(this.producer === undefined ? [] : [this.producer])];
    await Promise.allSettled(all.map((each) => each.close()));
  }
}
