import { Worker } from 'bullmq';
import { z } from 'zod';
import { type RunRequest, runRequestSchema } from '../playbooks/domain/request.js';
import { type Playbook, parsePlaybook } from '../playbooks/playbook.js';
import { defineStep, type StepQueue } from '../playbooks/step.js';
import { flowOf } from '../store/flow.js';
import { queueName } from '../store/queues.js';
import { RedisRunCommander } from '../store/run-commander.js';
import { newRunId } from '../store/run-id.js';
import { pinnedPlaybook } from '../store/run-record.js';
import { Engine } from '../test/integration/engine/engine.js';
import { RedisChild } from '../test/integration/engine/redis-child.js';
import { noMetrics } from '../workers/metrics.js';
import { median } from './median.js';

/** As a-f-02 spreads its steps. */
const queues: readonly StepQueue[] = ['cluster', 'node', 'node', 'node', 'evidence', 'intel', 'evidence', 'evidence'];
const concurrency = { cluster: 8, node: 8, intel: 8, evidence: 4 } as const;

/** Steps that do nothing, the last of which closes the run. */
const steps = queues.map((queue, at) =>
  defineStep({
    name: `empty-${at + 1}`,
    summary: 'Does nothing',
    queue,
    permissions: [],
    needs: [],
    uses: [],
    writes: [],
    params: z.strictObject({}),
    timeoutMs: 30_000,
    attempts: 3,
    ...(at === queues.length - 1 ? { closes: true } : {}),
    run: () => Promise.resolve({}),
  }),
);

/**
 * Runs of 8 empty steps, with custody, fences, records and seal, against flows of 8 empty jobs of BullMQ in the same queues of the same Redis,
 * which syncs each write (appendfsync always): one after the other (`run_ms`, `raw_ms`, `ratio`), and many at once (`many_...`), where all
 * runs wait for each other at the register. Rounds alternate; medians. PODTRIAGE_ENGINE_ROUNDS, default 9; PODTRIAGE_ENGINE_RUNS of a round,
 * default 100, a tenth of it one after the other.
 */
export async function engine(): Promise<Record<string, unknown>> {
  const rounds = Number(process.env['PODTRIAGE_ENGINE_ROUNDS'] ?? '9');
  const count = Number(process.env['PODTRIAGE_ENGINE_RUNS'] ?? '100');
  const server = await RedisChild.start();
  const sides = { raw: await Raw.start(server), run: await Ours.start(server) };
  const names = ['raw', 'run', 'many_raw', 'many_run'] as const;
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  try {
    // One round that nobody counts: code is compiled, scripts are loaded.
    for (let round = -1; round < rounds; round += 1) {
      const spent: Record<(typeof names)[number], number> = {
        raw: await perFlow(sides.raw, Math.ceil(count / 10), false),
        run: await perFlow(sides.run, Math.ceil(count / 10), false),
        many_raw: await perFlow(sides.raw, count, true),
        many_run: await perFlow(sides.run, count, true),
      };
      if (round < 0) continue;
      for (const name of names) times[name]?.push(spent[name]);
      const said = names.map((name) => `${name} ${rounded(spent[name])}`);
      process.stdout.write(`round ${round + 1}, ms a flow: ${said.join(', ')}\n`);
    }
    const [raw = 0, run = 0, manyRaw = 0, manyRun = 0] = names.map((name) => median(times[name] ?? []));
    const alone = { ratio: rounded(run / raw), run_ms: rounded(run), raw_ms: rounded(raw) };
    return { ...alone, many_ratio: rounded(manyRun / manyRaw), many_run_ms: rounded(manyRun), many_raw_ms: rounded(manyRaw) };
  } finally {
    await sides.raw.stop();
    await sides.run.stop();
    await server.stop();
  }
}

/** What takes flows of eight. */
interface Side {
  readonly ends: Ends;
  /** Puts one into the queues. */
  open(): Promise<unknown>;
}

/** Milliseconds for each of so many, together or one after the other. */
async function perFlow(side: Side, count: number, together: boolean): Promise<number> {
  const start = performance.now();
  for (const [flows, times] of together ? [[count, 1] as const] : [[1, count] as const])
    for (let at = 0; at < times; at += 1) {
      const ended = side.ends.after(flows * jobsAtTheEnd);
      await Promise.all(Array.from({ length: flows }, () => side.open()));
      await ended;
    }
  return (performance.now() - start) / count;
}

/** Jobs of the queue in which flows end: as many of it are done as flows have when all have ended. */
const lastQueue = 'evidence';
const jobsAtTheEnd = queues.filter((queue) => queue === lastQueue).length;

/** Counts jobs that are done. */
class Ends {
  private left = 0;
  private done: () => void = () => undefined;

  after(jobs: number): Promise<void> {
    this.left = jobs;
    return new Promise((resolve) => (this.done = resolve));
  }

  one(queue: string): void {
    if (queue !== lastQueue) return;
    this.left -= 1;
    if (this.left === 0) this.done();
  }
}

function emptyPlaybook(): Playbook {
  const list = steps.map(({ name }) => ({ step: name, params: {} }));
  return parsePlaybook('empty.yaml', JSON.stringify({ name: 'empty', title: 'empty', summary: 'empty', steps: list }), steps);
}

/** Each of another pod. */
let pods = 0;
function nextRequest(): RunRequest {
  pods += 1;
  return runRequestSchema.parse({ target: { namespace: 'shop', pod: `web-${pods}` }, playbook: 'empty' });
}

class Ours implements Side {
  private constructor(
    private readonly engine: Engine,
    private readonly commander: RedisRunCommander,
    readonly ends: Ends,
  ) {}

  static async start(server: RedisChild): Promise<Ours> {
    const made = await Engine.create(server);
    const ends = new Ends();
    const playbooks = new Map([['empty', emptyPlaybook()]]);
    const { redis, keys, custody, queues: open } = made;
    const metrics = { ...noMetrics, jobEnded: (queue: string) => ends.one(queue) };
    const timings = { lockMs: 60_000, stalledMs: 30_000, drainSeconds: 5 };
    await made.runner({ playbooks, concurrency, metrics, timings });
    return new Ours(made, new RedisRunCommander({ redis, keys, custody, queues: open, playbooks }), ends);
  }

  open(): Promise<unknown> {
    return this.commander.open(nextRequest(), 'bench');
  }

  stop(): Promise<void> {
    return this.engine.stop();
  }
}

class Raw implements Side {
  readonly ends = new Ends();
  private readonly workers: Worker[] = [];

  private constructor(private readonly engine: Engine) {}

  static async start(server: RedisChild): Promise<Raw> {
    const raw = new Raw(await Engine.create(server));
    const options = { connection: server.endpoint, prefix: raw.engine.prefix, drainDelay: 5, lockDuration: 60_000, stalledInterval: 30_000 };
    for (const kind of ['cluster', 'node', 'intel', 'evidence'] as const) {
      const name = queueName(kind, 'default');
      const worker = new Worker(name, () => Promise.resolve(), { ...options, concurrency: concurrency[kind] });
      worker.on('completed', () => raw.ends.one(name));
      raw.workers.push(worker);
    }
    await Promise.all(raw.workers.map((worker) => worker.waitUntilReady()));
    return raw;
  }

  open(): Promise<unknown> {
    const run = newRunId(new Date());
    return this.engine.queues.flows().add(flowOf(run, { request: nextRequest(), playbook: pinnedPlaybook(emptyPlaybook()) }, 2_000));
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close(true)));
    await this.engine.stop();
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
