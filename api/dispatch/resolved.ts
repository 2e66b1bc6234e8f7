import { type Job, Worker } from 'bullmq';
import type { Logger } from 'pino';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { type ContainerAlerts, containerJobSchema, containerOf, resolvedQueue, withPod } from '../../store/container-alerts.js';
import type { RedisEndpoint } from '../../store/redis.js';
import type { Triggers } from '../../store/triggers.js';
import type { IntakeDesk } from '../intake/desk.js';

/** What takes the alerts whose pod a worker has found. */
export interface ResolvedDeps {
  readonly connection: RedisEndpoint;
  readonly prefix: string;
  readonly containers: Pick<ContainerAlerts, 'read' | 'podOf'>;
  readonly desk: Pick<IntakeDesk, 'take'>;
  readonly triggers: Pick<Triggers, 'leave'>;
  readonly log: Logger;
}

/** Starts to take them: in the API process, as only an API may have runs requested. Returns what ends it. */
export function takeResolved(deps: ResolvedDeps): () => Promise<void> {
  const { connection, prefix, log } = deps;
  const worker = new Worker(resolvedQueue, (job) => take(deps, job), { connection, prefix, concurrency: 8, runRetryDelay: 1_000 });
  worker.on('error', (err) => log.debug({ err, queue: resolvedQueue }, 'worker'));
  worker.on('failed', (_job, err) => log.warn({ err }, 'an alert about a container could not be taken'));
  return () => worker.close();
}

async function take({ containers, desk, triggers, log }: ResolvedDeps, job: Job): Promise<void> {
  const asked = await containers.read(containerJobSchema.parse(job.data));
  const about = asked === undefined ? undefined : containerOf(asked.alert);
  // What no API has signed, or is over, asks for nothing; the former has been reported.
  if (asked === undefined || about === undefined) return;
  try {
    const pod = await containers.podOf(about);
    if (pod === undefined) throw new TriageError('container-not-found', `no worker says which pod the container ${about} is of`);
    const { actor, reach, once, run } = asked;
    const outcome = await desk.take(withPod(asked.alert, about.split('/')[0] ?? '', pod), { actor, reach, once, run });
    log.info({ container: about, ...outcome }, 'an alert about a container was taken');
  } catch (error) {
    if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) await triggers.leave(about, asked.alert.rule, asTriageError(error).code);
    throw error;
  }
}
