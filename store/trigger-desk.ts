import { TriageError } from '../playbooks/domain/error.js';
import type { RunRequest } from '../playbooks/domain/request.js';
import type { Trigger } from '../playbooks/domain/trigger.js';
import { type PodAlert, triggerOf } from '../playbooks/triggers/match.js';
import type { CustodyWriter } from './custody.js';
import type { RedisRunReader } from './run-reader.js';
import type { RunCommander } from './run-view.js';
import type { Pressure, Triggers } from './triggers.js';

/** What an alert about a pod asks for. */
export interface Wanted extends Pressure {
  readonly request: RunRequest;
  /** The rule of the configuration, or the intake itself where a person asks. */
  readonly startedBy: string;
  /** As custody names him. */
  readonly actor: string;
}

/** What an alert about a pod has led to. */
export interface Taken {
  readonly outcome: 'opened' | 'attached' | 'cooling-down' | 'capped' | 'duplicate';
  /** The run that is open, or was opened last. Absent: there is none. */
  readonly run?: string;
}

/** Somebody else may open a run of the pod, once for each try. */
const tries = 5;

/** Takes alerts about pods: opens at most one run at a time for each, and counts all others on it. */
export class TriggerDesk {
  private readonly under = new Map<string, Promise<void>>();

  constructor(
    private readonly deps: {
      readonly triggers: Triggers;
      readonly commander: Pick<RunCommander, 'open'>;
      readonly custody: CustodyWriter;
      readonly reader: Pick<RedisRunReader, 'record'>;
    },
  ) {}

  /**
   * When it resolves, the run is in Redis, and custody has the alert. Who was cut off before tells the alert again, or the next one does.
   * @throws TriageError `redis-unavailable`, `playbook-unknown`
   */
  async take(alert: PodAlert, wanted: Wanted): Promise<Taken> {
    for (let left = tries; ; left -= 1) {
      const taken = await this.once(alert, wanted);
      if (taken !== undefined) return taken;
      if (left === 0) throw new TriageError('conflict', 'others open and end runs of this pod faster than this alert is taken; tell it again');
    }
  }

  private async once(alert: PodAlert, wanted: Wanted): Promise<Taken | undefined> {
    const decision = await this.deps.triggers.decide(alert, wanted);
    if (decision.what === 'capped') return { outcome: 'capped' };
    const { run, isNoted } = decision;
    const trigger = triggerOf(alert, wanted.startedBy);
    if (decision.what === 'open' || decision.what === 'help') {
      if (!(await this.open(decision.run, trigger, wanted))) return undefined;
    }
    if (run !== undefined && !isNoted) await this.note(run, trigger, wanted.actor);
    const outcome = outcomeOf(decision);
    return { outcome, ...(run === undefined ? {} : { run }) };
  }

  /** False: somebody else has the pod now. */
  private async open(run: string, trigger: Trigger, { request, actor }: Wanted): Promise<boolean> {
    try {
      await this.shared(`open ${run}`, async () => {
        await this.deps.commander.open(request, actor, { id: run, origin: { trigger } });
      });
      return true;
    } catch (error) {
      if (error instanceof TriageError && error.code === 'conflict') return false;
      throw error;
    }
  }

  private note(run: string, trigger: Trigger, actor: string): Promise<void> {
    const { triggers, custody, reader } = this.deps;
    return this.shared(`note ${run} ${trigger.rule}`, () => triggers.note(custody, reader, run, trigger, actor));
  }

  /** Of a flood, one does the work and the others wait for it. */
  private async shared(key: string, work: () => Promise<void>): Promise<void> {
    const known = this.under.get(key);
    if (known !== undefined) return known;
    const done = work().finally(() => this.under.delete(key));
    this.under.set(key, done);
    return done;
  }
}

function outcomeOf(decision: Exclude<Awaited<ReturnType<Triggers['decide']>>, { what: 'capped' }>): Taken['outcome'] {
  switch (decision.what) {
    case 'open':
      return 'opened';
    case 'help':
    case 'told':
      return decision.outcome;
    case 'attached':
    case 'cooling-down':
      return decision.what;
  }
}
