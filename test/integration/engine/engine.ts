import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { type CustodyEntry, custodyEntrySchema } from '../../../playbooks/domain/custody.js';
import { type RunRequest, runRequestSchema } from '../../../playbooks/domain/request.js';
import { ChangeFeed } from '../../../store/change-feed.js';
import { CustodyWriter } from '../../../store/custody.js';
import { type Keys, keysOf } from '../../../store/keys.js';
import { LookupDesk } from '../../../store/lookup-desk.js';
import { keyRing } from '../../../store/public-keys.js';
import { Queues } from '../../../store/queues.js';
import { connectRedis } from '../../../store/redis.js';
import { RedisLookupOffice } from '../../../store/redis-lookup-office.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import type { RunView } from '../../../store/run-view.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openSigner, type Signer } from '../../../store/signing-key.js';
import { createRunner, type Runner, type RunnerOptions } from '../../../workers/runner/create-runner.js';
import type { Timings } from '../../../workers/runner/timings.js';
import { fakePorts } from './fake-ports.js';
import type { RedisChild } from './redis-child.js';
import { syntheticPlaybooks } from './synthetic.js';
import { WorkerChild } from './worker-child.js';

const brisk: Partial<Timings> = {
  lockMs: 2_000,
  stalledMs: 500,
  slotLeaseMs: 2_000,
  parkMs: 100,
  retryDelayMs: 20,
  graceMs: 1_000,
  drainSeconds: 1,
};

/** Everything but workers, under a prefix of its own; workers are added as a test needs them. */
export class Engine {
  readonly prefix = `{podtriage-test-${randomUUID().slice(0, 8)}}`;
  readonly keys: Keys = keysOf(this.prefix);
  readonly redis;
  readonly queues;
  readonly reader: RedisRunReader;
  private readonly feed: ChangeFeed;
  private readonly runners: Runner[] = [];
  private readonly children: WorkerChild[] = [];

  private constructor(
    readonly server: RedisChild,
    readonly signer: Signer,
    /** That of the workers. */
    readonly workerSigner: Signer,
    readonly folder: string,
  ) {
    this.redis = connectRedis(server.endpoint);
    this.feed = new ChangeFeed(connectRedis(server.endpoint));
    this.queues = new Queues(server.endpoint, this.prefix);
    this.reader = new RedisRunReader(this.redis, this.keys, this.feed);
  }

  static async create(server: RedisChild): Promise<Engine> {
    const folder = join(server.folder, `keys-${randomUUID()}`);
    return new Engine(server, await openSigner(folder, 'api'), await openSigner(folder, 'worker'), folder);
  }

  get custody(): CustodyWriter {
    return new CustodyWriter(this.redis, this.keys, this.signer, 'test');
  }

  /** Custody as a worker writes it. */
  get workerCustody(): CustodyWriter {
    return new CustodyWriter(this.redis, this.keys, this.workerSigner, 'worker:test');
  }

  /** Texts as a worker signs them. */
  get texts(): SignedTexts {
    return new SignedTexts(this.workerSigner, keyRing(this.folder), () => undefined);
  }

  get desk(): LookupDesk {
    return new LookupDesk(this.redis, this.keys, this.queues, this.texts);
  }

  get office(): RedisLookupOffice {
    return new RedisLookupOffice(this.redis, this.keys, this.queues, this.texts);
  }

  get commander(): RedisRunCommander {
    const { redis, keys, custody, queues } = this;
    return new RedisRunCommander({ redis, keys, custody, queues, playbooks: syntheticPlaybooks, retryDelayMs: 20 });
  }

  open(playbook: string, priority: RunRequest['options']['priority'] = 'interactive'): Promise<string> {
    const target = { namespace: 'shop', pod: 'web-0' };
    return this.commander.open(runRequestSchema.parse({ target, playbook, options: { priority } }), 'test');
  }

  /** A runner in this process. */
  async runner(options: Partial<RunnerOptions> = {}): Promise<Runner> {
    const runner = createRunner({
      connection: this.server.endpoint,
      prefix: this.prefix,
      clusters: ['default'],
      playbooks: syntheticPlaybooks,
      rules: [],
      ports: fakePorts,
      nodeSlots: 4,
      quotaLimits: { perMinute: 1_000, perDay: 100_000, perMonth: 100_000 },
      logger: pino({ level: 'silent' }),
      signer: this.workerSigner,
      trustedKeys: keyRing(this.folder),
      workerId: 'test',
      ...options,
      timings: { ...brisk, ...options.timings },
    });
    this.runners.push(runner);
    await runner.start();
    return runner;
  }

  /** A worker in a process of its own. */
  async child(nodeSlots = 4): Promise<WorkerChild> {
    const { server, prefix, folder } = this;
    const child = new WorkerChild({ socket: server.socket, prefix, keys: folder, id: 'child', lockMs: 1_200, stalledMs: 300, nodeSlots });
    this.children.push(child);
    await child.ready;
    return child;
  }

  /** Waits until a run is as wanted. */
  async until(run: string, wanted: (view: RunView) => boolean, ms = 60_000): Promise<RunView> {
    for (const end = Date.now() + ms; ; ) {
      const view = await this.reader.get(run);
      if (view !== undefined && wanted(view)) return view;
      if (Date.now() > end) throw new Error(`run ${run} did not get there: ${JSON.stringify(view)}`);
      await sleep(20);
    }
  }

  ended(run: string, ms?: number): Promise<RunView> {
    return this.until(run, ({ state }) => state === 'completed' || state === 'failed' || state === 'cancelled', ms);
  }

  async entries(run: string): Promise<CustodyEntry[]> {
    const lines = await this.reader.custody(run, 0, 100_000);
    return lines.map((line) => custodyEntrySchema.parse(JSON.parse(line)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop(2_000)));
    await Promise.all(this.children.map((child) => child.end()));
    await this.queues.close();
    this.feed.close();
    this.redis.disconnect();
  }
}

/** The state of one step. */
export function stateOf(view: RunView, step: string): string | undefined {
  return view.steps.find(({ name }) => name === step)?.state;
}
