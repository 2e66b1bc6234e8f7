import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { BatchDispatcher, type DispatchTimings } from '../../../api/dispatch/batches.js';
import { type BatchRequest, batchRequestSchema, type ListedPod } from '../../../playbooks/domain/batch.js';
import type { TriageError } from '../../../playbooks/domain/error.js';
import { type FleetReport, fleetReportSchema } from '../../../playbooks/fleet/report.js';
import { isBatchEnd, RedisBatches } from '../../../store/batches.js';
import { BatchJobs } from '../../../store/batches-jobs.js';
import { type BatchReader, RedisBatchOffice } from '../../../store/batches-office.js';
import { planBatch } from '../../../store/batches-plan.js';
import { BatchTargets } from '../../../store/batches-targets.js';
import type { BatchTargetView, BatchView } from '../../../store/batches-view.js';
import { ChangeFeed } from '../../../store/change-feed.js';
import { CustodyWriter } from '../../../store/custody.js';
import { keysOf } from '../../../store/keys.js';
import { keyRing } from '../../../store/public-keys.js';
import { Queues } from '../../../store/queues.js';
import { connectRedis, type RedisEndpoint } from '../../../store/redis.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import type { RunCommander, RunView } from '../../../store/run-view.js';
import { SignedTexts } from '../../../store/signed-text.js';
import type { Signer } from '../../../store/signing-key.js';
import type { RunnerOptions } from '../../../workers/runner/create-runner.js';
import { batchPlaybooks } from './batch-playbook.js';
import { batchPorts, setPods } from './batch-ports.js';
import type { Engine } from './engine.js';

export const everybody: BatchReader = { actor: 'key:tester', reach: 'all' };

/** What an API process does about batches. */
export interface BatchDoor {
  readonly office: RedisBatchOffice;
  readonly commander: RunCommander;
  readonly dispatcher: BatchDispatcher;
  readonly told: string[];
  stop(): Promise<void>;
}

/** Composes it as the service does, in this process or in one that is to be killed. */
export function batchDoor(
  at: { endpoint: RedisEndpoint; prefix: string; signer: Signer; folder: string },
  timings: Partial<DispatchTimings> = {},
): BatchDoor {
  const redis = connectRedis(at.endpoint);
  const feed = new ChangeFeed(connectRedis(at.endpoint));
  const queues = new Queues(at.endpoint, at.prefix);
  const keys = keysOf(at.prefix);
  const alerts: string[] = [];
  const texts = new SignedTexts(at.signer, keyRing(at.folder), ({ message }) => alerts.push(message));
  const targets = new BatchTargets(redis, keys);
  const custody = new CustodyWriter(redis, keys, at.signer, 'api');
  const commander = new RedisRunCommander({ redis, keys, custody, queues, playbooks: batchPlaybooks, retryDelayMs: 20 });
  const deps = {
    batches: new RedisBatches(redis, keys, texts),
    targets,
    jobs: new BatchJobs(queues),
    commander,
    plan: (...[request, pods]: [BatchRequest, Parameters<typeof planBatch>[2]]) => planBatch({ redis, keys, queues, targets }, request, pods),
    tell: ({ id }: { id: string }, state: string) => {
      told.push(`${id} ${state}`);
      return Promise.resolve();
    },
    alert: ({ message }: TriageError) => void alerts.push(message),
    logger: pino({ level: process.env['BATCH_LOG'] ?? 'silent' }),
    clock: () => new Date(),
  };
  const told: string[] = [];
  const dispatcher = new BatchDispatcher(deps, feed, keys, { tickMs: 300, gatherMs: 20, leaseMs: 1_000, ...timings });
  return {
    office: new RedisBatchOffice({ redis, keys, texts, feed }),
    commander,
    dispatcher,
    told,
    async stop() {
      await dispatcher.stop();
      feed.close();
      await queues.close();
      redis.disconnect();
    },
  };
}

/** An engine with batches: pods, and as many API processes as a test needs. */
export class BatchStand {
  readonly folder: string;
  private readonly doors: BatchDoor[] = [];

  constructor(
    readonly engine: Engine,
    pods: readonly ListedPod[],
    private readonly latencyMs = 2,
  ) {
    this.folder = mkdtempSync(join(engine.server.folder, 'batch-'));
    setPods(this.folder, pods);
  }

  get place(): Parameters<typeof batchDoor>[0] {
    const { server, prefix, signer, folder } = this.engine;
    return { endpoint: server.endpoint, prefix, signer, folder };
  }

  setPods(pods: readonly ListedPod[]): void {
    setPods(this.folder, pods);
  }

  runner(options: Partial<RunnerOptions> = {}): ReturnType<Engine['runner']> {
    const concurrency = { cluster: 16, node: 16, intel: 4, evidence: 16 };
    const ports = batchPorts(this.folder, this.latencyMs);
    return this.engine.runner({ playbooks: batchPlaybooks, ports, nodeSlots: 16, concurrency, workerId: randomUUID(), ...options });
  }

  async door(timings: Partial<DispatchTimings> = {}): Promise<BatchDoor> {
    const door = batchDoor(this.place, timings);
    this.doors.push(door);
    await door.dispatcher.start();
    return door;
  }

  /** For looking only: it opens nothing. */
  get office(): RedisBatchOffice {
    this.silent ??= batchDoor(this.place);
    return this.silent.office;
  }
  private silent: BatchDoor | undefined;

  open(request: object, by: BatchReader = everybody): Promise<string> {
    const asked = batchRequestSchema.parse({
      select: { where: { namespace: 'shop' } },
      playbook: 'scan',
      concurrency: { total: 12, perNode: 6 },
      ...request,
    });
    return this.office.open(asked, by);
  }

  async until(batch: string, wanted: (view: BatchView) => boolean, ms = 60_000, everyMs = 20): Promise<BatchView> {
    for (const end = Date.now() + ms; ; ) {
      const view = await this.office.get(batch, everybody);
      if (view !== undefined && wanted(view)) return view;
      if (Date.now() > end) throw new Error(`batch ${batch} did not get there: ${JSON.stringify({ ...view, request: undefined })}`);
      await sleep(everyMs);
    }
  }

  ended(batch: string, ms?: number): Promise<BatchView> {
    return this.until(batch, ({ state }) => isBatchEnd(state), ms);
  }

  async pods(batch: string): Promise<readonly BatchTargetView[]> {
    return (await this.office.targets(batch, { limit: 10_000, from: 0 })).items;
  }

  /** All runs that there are, whoever has opened them. */
  async runs(): Promise<readonly RunView[]> {
    const ids = await this.engine.redis.zrange(this.engine.keys.all, '0', '-1');
    const views = await Promise.all(ids.map((id) => this.engine.reader.get(id)));
    return views.filter((view) => view !== undefined);
  }

  async report(batch: string): Promise<FleetReport> {
    const { report } = await this.until(batch, (view) => view.report !== undefined);
    return fleetReportSchema.parse(JSON.parse(await readFile(join(this.folder, report!.sha256), 'utf8')));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.doors, ...(this.silent === undefined ? [] : [this.silent])].map((door) => door.stop()));
  }
}
