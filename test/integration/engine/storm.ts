import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CustodyEntry, custodyEntrySchema, verifyChain } from '../../../playbooks/domain/custody.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { CustodyWriter } from '../../../store/custody.js';
import { addFlow } from '../../../store/flow.js';
import { keysOf } from '../../../store/keys.js';
import { readPublicKeys } from '../../../store/public-keys.js';
import { Queues } from '../../../store/queues.js';
import { connectRedis } from '../../../store/redis.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import { openSigner } from '../../../store/signing-key.js';
import { RedisChild } from './redis-child.js';
import { syntheticPlaybooks } from './synthetic.js';
import { WorkerChild } from './worker-child.js';
import type { WorkerOptions } from './worker-options.js';

/** How hard the storm blows. */
export interface StormOptions {
  readonly runs: number;
  readonly workers: number;
  readonly everyMs: number;
  readonly redisCrashes: number;
  readonly limitMs: number;
}

/** What the storm has shown. */
export interface StormNumbers {
  readonly runs: number;
  readonly steps: number;
  readonly kills: number;
  readonly suspensions: number;
  readonly redisCrashes: number;
  readonly flowsForgotten: number;
  readonly flowsAddedTwice: number;
  readonly completed: number;
  readonly partial: number;
  readonly stuck: number;
  readonly stepsFinishedTwice: number;
  readonly stepsWithoutOutcome: number;
  readonly lostSteps: number;
  readonly attempts: number;
  readonly lateWritesRefused: number;
  readonly commandsWithoutOutcome: number;
  readonly artifactsTwice: number;
  readonly artifactsMissing: number;
  readonly custodyEntries: number;
  readonly chainsBroken: number;
  readonly seconds: number;
}

const lockMs = 1_200;
const suspendMs = 2_600;
const prefix = '{podtriage-storm}';

/** Opens runs, kills and suspends workers and Redis until all runs have ended, and counts what went wrong. */
export async function blow(options: StormOptions): Promise<StormNumbers> {
  const server = await RedisChild.start();
  try {
    return await new Storm(server, options).run();
  } finally {
    await server.stop();
  }
}

class Storm {
  private readonly redis;
  private readonly keys = keysOf(prefix);
  private readonly queues;
  private readonly folder: string;
  private workers: WorkerChild[] = [];
  private counts = { kills: 0, suspensions: 0, redisCrashes: 0, forgotten: 0, twice: 0, refused: 0 };
  private readonly ended = new AbortController();

  constructor(
    private readonly server: RedisChild,
    private readonly options: StormOptions,
  ) {
    this.redis = connectRedis(server.endpoint);
    this.queues = new Queues(server.endpoint, prefix);
    this.folder = join(server.folder, 'keys');
  }

  private get over(): boolean {
    return this.ended.signal.aborted;
  }

  async run(): Promise<StormNumbers> {
    const start = performance.now();
    const commander = await this.commander();
    try {
      for (let at = 0; at < this.options.workers; at++) this.workers.push(this.worker());
      await Promise.all(this.workers.map((worker) => worker.ready));
      const wind = this.wind();
      const ids = await this.openAll(commander);
      await this.untilEnded(start);
      this.ended.abort();
      await wind;
      await this.calm();
      return await this.count(ids, start);
    } finally {
      this.ended.abort();
      await Promise.all(this.workers.map((worker) => worker.end()));
      await this.queues.close();
      this.redis.disconnect();
    }
  }

  private async commander(): Promise<RedisRunCommander> {
    const signer = await openSigner(this.folder, 'api');
    const custody = new CustodyWriter(this.redis, this.keys, signer, 'api');
    return new RedisRunCommander({
      redis: this.redis,
      keys: this.keys,
      custody,
      queues: this.queues,
      playbooks: syntheticPlaybooks,
      retryDelayMs: 50,
    });
  }

  private worker(): WorkerChild {
    const options: WorkerOptions = {
      socket: this.server.socket,
      prefix,
      keys: this.folder,
      id: String(this.counts.kills),
      lockMs,
      stalledMs: lockMs / 2,
      nodeSlots: 12,
    };
    return new WorkerChild(options, (line) => {
      if (line.includes('"refused":') || line.includes('stale-attempt')) this.counts.refused += 1;
    });
  }

  /** One run in ten is recorded and never queued, as if the API had died in between; one in five is queued twice. */
  private async openAll(commander: RedisRunCommander): Promise<string[]> {
    const ids: string[] = [];
    for (let at = 0; at < this.options.runs; at++) {
      const request = runRequestSchema.parse({ target: { namespace: 'shop', pod: `pod-${at}` }, playbook: 'storm' });
      const { run, playbook } = await commander.record(request, 'storm');
      ids.push(run);
      if (at % 10 === 3) {
        this.counts.forgotten += 1;
        continue;
      }
      await addFlow(this.queues, run, { request, playbook }, 50);
      if (at % 5 === 0) {
        this.counts.twice += 1;
        void sleep(Math.random() * 10_000).then(() =>
          this.over ? undefined : addFlow(this.queues, run, { request, playbook }, 50).catch(() => undefined),
        );
      }
    }
    return ids;
  }

  private async wind(): Promise<void> {
    const gusts = new Set<Promise<void>>();
    const crashAfter = 12;
    for (let gust = 1; await this.lull(); gust++) {
      if (gust % crashAfter === 0 && this.counts.redisCrashes < this.options.redisCrashes) {
        this.counts.redisCrashes += 1;
        await this.server.crash(300);
      }
      const ready = this.workers.filter((worker) => worker.isReady && worker.isAlive);
      const victim = ready[Math.floor(Math.random() * ready.length)];
      // Somebody has to be there to do the work, or this would measure how fast Node.js starts.
      if (victim === undefined || ready.length < 2) continue;
      const done = gust % 4 === 0 ? this.suspend(victim) : this.kill(victim);
      gusts.add(done);
      void done.finally(() => gusts.delete(done));
    }
    await Promise.all(gusts);
  }

  /** The time between two gusts. False when the storm is over. */
  private lull(): Promise<boolean> {
    return sleep(this.options.everyMs, true, { signal: this.ended.signal }).catch(() => false);
  }

  private async kill(victim: WorkerChild): Promise<void> {
    this.counts.kills += 1;
    this.workers = this.workers.filter((worker) => worker !== victim);
    await victim.end('SIGKILL');
    this.workers.push(this.worker());
  }

  private async suspend(victim: WorkerChild): Promise<void> {
    this.counts.suspensions += 1;
    victim.isReady = false;
    victim.signal('SIGSTOP');
    await sleep(suspendMs);
    victim.signal('SIGCONT');
    victim.isReady = true;
  }

  private async untilEnded(start: number): Promise<void> {
    while (performance.now() - start < this.options.limitMs && (await this.redis.zcard(this.keys.open)) > 0) await sleep(200);
  }

  /** Late writers get the time to try. */
  private async calm(): Promise<void> {
    await sleep(500);
    await Promise.all(this.workers.map((worker) => worker.end('SIGTERM')));
  }

  private async count(ids: readonly string[], start: number): Promise<StormNumbers> {
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    const reader = new RedisRunReader(this.redis, this.keys);
    const trusted = await readPublicKeys(this.folder);
    const { counts } = this;
    const sum = {
      completed: 0,
      partial: 0,
      twice: 0,
      without: 0,
      lost: 0,
      attempts: 0,
      open: 0,
      artifactsTwice: 0,
      missing: 0,
      entries: 0,
      broken: 0,
    };
    for (const id of ids) {
      const view = (await reader.get(id))!;
      const lines = await reader.custody(id, 0, 10_000);
      if (!verifyChain(id, lines, trusted).ok) sum.broken += 1;
      const entries = lines.map((line) => custodyEntrySchema.parse(JSON.parse(line)));
      if (view.state === 'completed') sum.completed += 1;
      if (view.completeness === 'partial') sum.partial += 1;
      sum.without += view.steps.filter(({ finishedAt }) => finishedAt === undefined).length;
      sum.lost += view.steps.filter(({ error }) => error?.code === 'worker-lost').length;
      sum.entries += entries.length;
      sum.attempts += entries.filter(({ act }) => act === 'step.started').length;
      sum.twice += repeats(entries, (act) => act === 'step.finished' || act === 'step.failed' || act === 'step.skipped');
      sum.artifactsTwice += repeats(entries, (act) => act === 'artifact.stored');
      sum.open += entries.filter(({ act }) => act === 'command.started').length - entries.filter(({ act }) => act === 'command.finished').length;
      const stored = entries.filter(({ act }) => act === 'artifact.stored').length;
      if (stored !== (await reader.artifacts(id)).length) sum.missing += 1;
    }
    return {
      runs: ids.length,
      steps: ids.length * 8,
      kills: counts.kills,
      suspensions: counts.suspensions,
      redisCrashes: counts.redisCrashes,
      flowsForgotten: counts.forgotten,
      flowsAddedTwice: counts.twice,
      completed: sum.completed,
      partial: sum.partial,
      stuck: await this.redis.zcard(this.keys.open),
      stepsFinishedTwice: sum.twice,
      stepsWithoutOutcome: sum.without,
      lostSteps: sum.lost,
      attempts: sum.attempts,
      lateWritesRefused: counts.refused,
      commandsWithoutOutcome: sum.open,
      artifactsTwice: sum.artifactsTwice,
      artifactsMissing: sum.missing,
      custodyEntries: sum.entries,
      chainsBroken: sum.broken,
      seconds,
    };
  }
}

function repeats(entries: readonly CustodyEntry[], which: (act: CustodyEntry['act']) => boolean): number {
  const subjects = entries.filter(({ act }) => which(act)).map(({ subject }) => subject);
  return subjects.length - new Set(subjects).size;
}
