import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Trigger } from '../playbooks/domain/trigger.js';
import type { PodAlert } from '../playbooks/triggers/match.js';
import type { CustodyWriter } from './custody.js';
import { type Keys, podText } from './keys.js';
import { ofRedis } from './of-redis.js';
import { newRunId } from './run-id.js';
import type { RedisRunReader } from './run-reader.js';
import { runScript } from './scripts/script.js';
import { decideTrigger, leaveAlert, noteTrigger } from './scripts/trigger.js';
import { type Counted, countedOf } from './triggers-counted.js';

/** How hard alerts about a pod may press. */
export interface Pressure {
  /** How long after a run was opened no other one is opened for the pod, in milliseconds. */
  readonly cooldownMs: number;
  /** The most runs that alerts may open in a namespace within 60 minutes. Absent: a person asks, and nothing counts against him. */
  readonly maxPerHour?: number | undefined;
  /** An alert that is told again is answered as the first time, and nothing is counted. */
  readonly once?: boolean | undefined;
  /** The id of the run that is opened, if one is. Absent: a new one. */
  readonly newRun?: string | undefined;
}

const decisionSchema = z.union([
  /** `isNoted`: custody of the run has an alert of this rule. */
  z
    .tuple([z.enum(['open', 'attached', 'cooling-down']), z.string(), z.number()])
    .transform(([what, run, noted]) => ({ what, run, isNoted: noted === 1 })),
  z
    .tuple([z.literal('help'), z.enum(['opened', 'attached']), z.string()])
    .transform(([what, outcome, run]) => ({ what, outcome, run, isNoted: false })),
  z.tuple([z.literal('capped'), z.string()]).transform(() => ({ what: 'capped' as const })),
  z
    .tuple([z.literal('told'), z.enum(['opened', 'attached', 'cooling-down', 'capped', 'duplicate']), z.string(), z.number()])
    .transform(([, what, run, noted]) => ({ what: 'told' as const, outcome: what, ...(run === '' ? {} : { run }), isNoted: noted === 1 })),
]);
/** What is to be done about an alert: see `decideTrigger`. */
export type Decision = z.output<typeof decisionSchema>;

/** What alerts were about that have led to no run. */
export interface LeftAlerts extends Counted {
  /** `cluster/namespace/pod`, or `cluster/id` of a container. */
  readonly subject: string;
  readonly reason: string;
}

/** What a {@link Triggers} works with. */
export interface TriggersDeps {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly clock?: () => Date;
}

/** The memory of alerts: which of them has led to what. Methods throw `redis-unavailable`. */
export class Triggers {
  private readonly clock: () => Date;

  constructor(private readonly deps: TriggersDeps) {
    this.clock = deps.clock ?? ((): Date => new Date());
  }

  /** Decides about an alert, for all processes, and counts it. */
  async decide({ fingerprint, rule, suspect }: PodAlert, { cooldownMs, maxPerHour, once, newRun }: Pressure): Promise<Decision> {
    const { redis, keys } = this.deps;
    const { target, uid = '' } = suspect;
    const now = this.clock();
    const pod = podText(target);
    const all = [
      keys.told(target, fingerprint),
      keys.podRuns(target),
      keys.podClaim(target),
      keys.open,
      keys.triggered(target),
      keys.left,
      keys.leftAbout(pod),
    ];
    const about = [now.getTime(), rule, newRun ?? newRunId(now), uid, target.container ?? ''];
    const limits = [cooldownMs, maxPerHour ?? -1, once === true ? 1 : 0];
    return decisionSchema.parse(await runScript(redis, decideTrigger, all, [...about, ...limits, pod, keys.prefix]));
  }

  /** Puts the first alert of a rule about a run into custody. */
  async note(custody: CustodyWriter, reader: Pick<RedisRunReader, 'record'>, run: string, trigger: Trigger, actor: string): Promise<void> {
    const { redis, keys } = this.deps;
    const began = (await reader.record(run))?.origin?.trigger?.rule;
    if (began === trigger.rule) await ofRedis(() => redis.hset(keys.triggers(run), `noted:${trigger.rule}`, '1'));
    else
      await custody.write(
        run,
        [{ act: 'run.triggered', detail: { trigger } }],
        { script: noteTrigger, keys: [keys.triggers(run)], rest: [trigger.rule] },
        actor,
      );
  }

  /** Counts an alert that leads to no run, about whatever it is. */
  async leave(subject: string, rule: string, reason: string): Promise<void> {
    const { redis, keys } = this.deps;
    await runScript(redis, leaveAlert, [keys.left, keys.leftAbout(subject)], [this.clock().getTime(), rule, subject, reason]);
  }

  /** What has led to no run in the last seven days, the latest first, at most 1,000. */
  async left(): Promise<readonly LeftAlerts[]> {
    const { redis, keys } = this.deps;
    const subjects = await ofRedis(() => redis.zrange(keys.left, '0', '-1', 'REV'));
    const hashes = await Promise.all(subjects.map((subject) => ofRedis(() => redis.hgetall(keys.leftAbout(subject)))));
    return hashes.flatMap((hash, at) => {
      const counted = countedOf(hash);
      return counted === undefined ? [] : [{ subject: subjects[at] ?? '', reason: hash['reason'] ?? 'unknown', ...counted }];
    });
  }
}
