import type { Logger } from 'pino';
import { type Reach, reaches } from '../../playbooks/domain/access.js';
import type { Alert } from '../../playbooks/domain/trigger.js';
import type { TriggerRule } from '../../playbooks/triggers/config.js';
import { isPodAlert, mayFit, type PodAlert, requestOf, ruleFor } from '../../playbooks/triggers/match.js';
import { type ContainerAlerts, containerOf, withPod } from '../../store/container-alerts.js';
import { within } from '../../store/of-redis.js';
import { newRunId } from '../../store/run-id.js';
import { defined } from '../../store/run-record.js';
import type { Taken, TriggerDesk } from '../../store/trigger-desk.js';
import type { Heard } from './intake.js';

/** What has become of one alert. */
export interface Outcome {
  readonly outcome: Taken['outcome'] | 'ignored' | 'resolving';
  readonly run?: string;
  /** Why nothing was started. */
  readonly reason?: string;
  /** Name of the detection rule. */
  readonly rule?: string;
  /** The rule of the configuration that it fits. */
  readonly startedBy?: string;
}

/** Who tells alerts, and how. */
export interface Teller {
  /** As custody names him. */
  readonly actor: string;
  /** The pods that his alerts may have looked at. */
  readonly reach: Reach;
  /** An alert that he tells again is answered as the first time, and nothing is counted. */
  readonly once?: boolean;
  /** The id of the run that his alert opens, if it opens one. Absent: a new one. */
  readonly run?: string;
}

/** What an {@link IntakeDesk} works with. */
export interface IntakeDeskDeps {
  readonly rules: readonly TriggerRule[];
  /** Names of the clusters that some worker has credentials for. */
  readonly clusters: readonly string[];
  readonly triggers: Pick<TriggerDesk, 'take'>;
  readonly containers: Pick<ContainerAlerts, 'ask' | 'podOf'>;
  readonly log: Logger;
  /** How long the store may take over one alert, in milliseconds. */
  readonly storeTimeoutMs: number;
  /** Is told what has become of each alert. */
  readonly counted?: (intake: Alert['intake'], outcome: Outcome['outcome']) => void;
}

/** So many alerts of one body are looked at at a time. */
const atOnce = 16;

/** Takes the alerts of all intakes: who may tell what, which rule fits, and what is done then. */
export class IntakeDesk {
  constructor(private readonly deps: IntakeDeskDeps) {}

  /** Takes all that a body has told; alerts first, in their order. Throws `redis-unavailable`: what was taken by then is told again, and counted again. */
  async takeAll({ alerts, ignored }: Heard, by: Teller): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (let from = 0; from < alerts.length; from += atOnce)
      outcomes.push(...(await Promise.all(alerts.slice(from, from + atOnce).map((alert) => this.take(alert, by)))));
    return [...outcomes, ...ignored.map((each) => ({ outcome: 'ignored' as const, ...each }))];
  }

  /** Takes one alert. Throws `redis-unavailable`. */
  async take(alert: Alert, by: Teller): Promise<Outcome> {
    const { rule } = alert;
    const answer = await within(this.deps.storeTimeoutMs, isPodAlert(alert) ? this.aboutPod(alert, by) : this.aboutContainer(alert, by));
    this.deps.counted?.(alert.intake, answer.outcome);
    return { rule, ...answer };
  }

  private async aboutPod(alert: PodAlert, { actor, reach, once, run }: Teller): Promise<Outcome> {
    const { target } = alert.suspect;
    const foreign = this.foreign(target.cluster);
    if (foreign !== undefined) return foreign;
    if (!reaches(reach, target)) return ignored(`the credential does not reach namespace ${target.namespace} of cluster "${target.cluster}"`);
    const rule = ruleFor(this.deps.rules, alert);
    if (rule === undefined) return ignored('no rule');
    const taken = await this.deps.triggers.take(alert, {
      request: requestOf(rule, alert),
      startedBy: rule.name,
      actor,
      cooldownMs: rule.cooldownMinutes * 60_000,
      maxPerHour: rule.maxRunsPerNamespacePerHour,
      ...defined({ once, newRun: run }),
    });
    if (taken.outcome === 'opened' || taken.outcome === 'capped')
      this.deps.log.info({ target, rule: alert.rule, startedBy: rule.name, ...taken }, 'an alert was taken');
    return { ...taken, startedBy: rule.name };
  }

  private async aboutContainer(alert: Alert, by: Teller): Promise<Outcome> {
    const about = containerOf(alert);
    const cluster = about?.split('/')[0];
    if (about === undefined || cluster === undefined) return ignored('it names no pod and no container');
    const foreign = this.foreign(cluster);
    if (foreign !== undefined) return foreign;
    if (by.reach !== 'all' && !by.reach.some((place) => place.cluster === cluster))
      return ignored(`the credential does not reach any namespace of cluster "${cluster}"`);
    if (!mayFit(this.deps.rules, alert)) return ignored('no rule');
    const pod = await this.deps.containers.podOf(about);
    // Where it is, is not his to know.
    if (pod !== undefined && !reaches(by.reach, { cluster, namespace: pod.namespace })) return ignored('the credential does not reach its pod');
    if (pod !== undefined) return this.aboutPod(withPod(alert, cluster, pod), by);
    await this.deps.containers.ask(cluster, { alert, actor: by.actor, reach: by.reach, once: by.once === true, run: newRunId(new Date()) });
    return { outcome: 'resolving' };
  }

  private foreign(cluster: string): Outcome | undefined {
    const { clusters } = this.deps;
    return clusters.includes(cluster) ? undefined : ignored(`no worker serves a cluster "${cluster}"; known: ${clusters.join(', ')}`);
  }
}

function ignored(reason: string): Outcome {
  return { outcome: 'ignored', reason };
}
