import type { Redis } from 'ioredis';
import type { Act, Head } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { RunRequest } from '../playbooks/domain/request.js';
import type { Playbook } from '../playbooks/playbook.js';
import type { CustodyWriter } from './custody.js';
import { addFlow } from './flow.js';
import type { Keys } from './keys.js';
import { jobId, type Queues, queueName } from './queues.js';
import { isRunId, newRunId } from './run-id.js';
import { RedisRunReader } from './run-reader.js';
import { type PinnedPlaybook, pinnedPlaybook } from './run-record.js';
import type { Opening, RunCommander, RunView } from './run-view.js';
import { runCancel } from './scripts/run-cancel.js';
import { runOpen } from './scripts/run-open.js';

/** The longest cool-down of a pod, and a day. */
const podRunsSeconds = 8 * 86_400;

/** A run that is recorded; `isNew` unless somebody has done it before. */
interface Recorded {
  readonly run: string;
  readonly playbook: PinnedPlaybook;
  readonly isNew: boolean;
}

/** What a {@link RedisRunCommander} works with. */
export interface CommanderDeps {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly custody: CustodyWriter;
  readonly queues: Queues;
  /** By name. */
  readonly playbooks: ReadonlyMap<string, Playbook>;
  readonly clock?: () => Date;
  /** Delay before the first retry of a step; doubles each time. */
  readonly retryDelayMs?: number;
}

/** Opens and cancels runs. */
export class RedisRunCommander implements RunCommander {
  private readonly reader: RedisRunReader;

  constructor(private readonly deps: CommanderDeps) {
    this.reader = new RedisRunReader(deps.redis, deps.keys);
  }

  async open(request: RunRequest, requestedBy: string, how: Opening = {}): Promise<string> {
    const recorded = await this.record(request, requestedBy, how);
    await this.queue(request, recorded);
    return recorded.run;
  }

  async openAndShow(request: RunRequest, requestedBy: string, how: Opening = {}): Promise<RunView> {
    const recorded = await this.record(request, requestedBy, { ...how, isAwaited: true });
    // At once: BullMQ has a connection of its own.
    const [view] = await Promise.all([this.reader.get(recorded.run), this.queue(request, recorded)]);
    if (view === undefined) throw new TriageError('internal', `run ${recorded.run} has been opened but cannot be read`);
    return view;
  }

  private async queue(request: RunRequest, { run, playbook, isNew }: Recorded): Promise<void> {
    // Who has opened it before may have asked for something else.
    const flow = isNew ? { request, playbook } : await this.reader.record(run);
    if (flow !== undefined) await addFlow(this.deps.queues, run, flow, this.deps.retryDelayMs);
  }

  /** Records a run without queueing it: the first half of {@link open}. The reconciler does the other if it never comes. */
  async record(request: RunRequest, requestedBy: string, { id, origin, isAwaited = false }: Opening = {}): Promise<Recorded> {
    const { keys, custody, clock = (): Date => new Date() } = this.deps;
    const playbook = this.pin(request.playbook);
    const now = clock();
    const run = id ?? newRunId(now);
    // Redis can have said so.
    if (!isRunId(run))
      throw new TriageError('internal', `a run was to be opened under ${JSON.stringify(run.slice(0, 100))}, which is no id of a run`);
    const fields = {
      request: JSON.stringify(request),
      playbook: JSON.stringify(playbook),
      requestedBy,
      createdAt: now.toISOString(),
      ...(origin === undefined ? {} : { origin: JSON.stringify(origin) }),
    };
    const { name, title, sha256 } = playbook;
    const act = {
      act: 'run.requested',
      detail: {
        request: { ...request },
        playbook: { name, title, sha256 },
        createdAt: fields.createdAt,
        ...(origin === undefined ? {} : { origin }),
      },
    } as const;
    const told = (request.notify ?? []).length > 0 ? 'told' : '';
    const { target } = request;
    const claimed = origin?.trigger !== undefined && id !== undefined ? 1 : 0;
    const about = [told, target.container ?? '', podRunsSeconds, claimed];
    const rest = [run, now.getTime(), Object.keys(fields).length, ...Object.entries(fields).flat(), ...about];
    const register = ({ hash }: Head): Act => ({ act: 'run.opened', subject: run, detail: { run, head: hash } });
    const places = [keys.open, keys.all, keys.telling, keys.podRuns(target), keys.podClaim(target), keys.triggers(run)];
    const [what] = await custody.write(run, [act], { script: runOpen, keys: places, rest, register, isAwaited }, requestedBy);
    if (what === 'unclaimed') throw new TriageError('conflict', `run ${run} was to be opened for an alert, and another one was; ask again`);
    if (what !== 'ok' && id === undefined) throw new TriageError('conflict', `run ${run} exists already; ask again`);
    return { run, playbook, isNew: what === 'ok' };
  }

  async cancel(run: string, by: string): Promise<boolean> {
    const { keys, custody, clock = (): Date => new Date() } = this.deps;
    const record = await this.reader.record(run);
    if (record === undefined) throw new TriageError('not-found', `there is no run ${run}`);
    const command = { script: runCancel, keys: [], rest: [clock().toISOString(), keys.cancels, run] };
    const [what] = await custody.write(run, [{ act: 'run.cancel-requested', detail: {} }], command, by);
    if (what === 'ended' || what === 'gone') return false;
    const { cluster } = record.request.target;
    await Promise.all(record.playbook.steps.map(({ name, queue }) => this.deps.queues.wake(queueName(queue, cluster), jobId(run, name))));
    return true;
  }

  private pin(name: string): PinnedPlaybook {
    const playbook = this.deps.playbooks.get(name);
    if (playbook === undefined)
      throw new TriageError('playbook-unknown', `there is no playbook "${name}"; known: ${[...this.deps.playbooks.keys()].join(', ')}`);
    return pinnedPlaybook(playbook);
  }
}
