import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex, verifyChain } from '../../../playbooks/domain/custody.js';
import { defaultInteractiveShare } from '../../../playbooks/domain/quota.js';
import { type RunRequest, runRequestSchema } from '../../../playbooks/domain/request.js';
import { CustodyWriter } from '../../../store/custody.js';
import { keysOf } from '../../../store/keys.js';
import { lookupQueue } from '../../../store/lookup-desk.js';
import { keyRing, readPublicKeys } from '../../../store/public-keys.js';
import { Queues } from '../../../store/queues.js';
import { connectRedis } from '../../../store/redis.js';
import { RedisLookupOffice } from '../../../store/redis-lookup-office.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import type { RunView } from '../../../store/run-view.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openSigner } from '../../../store/signing-key.js';
import { type Emulator, startVirusTotalEmulator } from '../../emulators/virustotal.js';
import { MovedClock } from '../../support/moved-clock.js';
import { podOf } from './gather.js';
import { RedisChild } from './redis-child.js';
import { syntheticPlaybooks } from './synthetic.js';
import { WorkerChild } from './worker-child.js';

/** How many ask, how fast they may, and what is done to them. */
export interface LookupStormOptions {
  /** Runs that are not urgent, and the hashes that they share. */
  readonly batch: { readonly runs: number; readonly hashes: number };
  /** Runs that are opened when the others wait already, and the hashes that only they have. */
  readonly urgent: { readonly runs: number; readonly hashes: number };
  readonly perRun: number;
  readonly workers: number;
  /** Of VirusTotal; its minute lasts `minuteMs`. */
  readonly limits: { readonly perMinute: number; readonly perDay: number; readonly perMonth: number };
  readonly minuteMs: number;
  /** Workers are killed so often; 0: never. */
  readonly killEveryMs: number;
  /** When it begins by the clocks of VirusTotal and Redis, which are then put forward over each midnight that the quota has to wait for. */
  readonly startsAt?: number;
  readonly limitMs: number;
}

/** What came of it. */
export interface LookupStormNumbers {
  readonly runs: number;
  readonly hashes: number;
  readonly unique: number;
  readonly requests: number;
  /** Answered 429. */
  readonly refused: number;
  readonly kills: number;
  readonly midnights: number;
  readonly completed: number;
  readonly unanswered: number;
  /** Hashes of batches alone that were asked about after urgent runs had come and before their last hash was. */
  readonly overtaken: number;
  readonly chainsBroken: number;
  /** Of the waits whose end was foretold: how many, and the error of the median and of the worst, as shares of the wait. */
  readonly foretold: number;
  readonly etaErrorMedian: number;
  readonly etaErrorWorst: number;
  readonly seconds: number;
}

const apiKey = 'storm-key';
const prefix = '{podtriage-lookup-storm}';
const lockMs = 1_500;
/** A wait that is nearly over says nothing about the foretelling. */
const shortestWaitMs = 3_000;

/** Opens runs that share hashes, kills workers and moves the clock until all have ended, and counts. */
export async function askMany(options: LookupStormOptions): Promise<LookupStormNumbers> {
  const clock = new MovedClock(options.startsAt ?? Date.now());
  const server = await RedisChild.start(clock.environment);
  const source = await startVirusTotalEmulator({
    keys: [apiKey],
    ...options.limits,
    minuteMs: options.minuteMs,
    known: new Map(),
    clock: () => clock.now(),
  });
  try {
    return await new LookupStorm(server, clock, source, options).run();
  } finally {
    await source.close();
    await server.stop();
    clock.remove();
  }
}

class LookupStorm {
  private readonly redis;
  private readonly keys = keysOf(prefix);
  private readonly queues;
  private readonly reader;
  private readonly folder: string;
  private workers: WorkerChild[] = [];
  private kills = 0;
  private midnights = 0;
  private readonly foretellings: Foretelling[] = [];
  private readonly ended = new AbortController();

  constructor(
    server: RedisChild,
    private readonly clock: MovedClock,
    private readonly source: Emulator,
    private readonly options: LookupStormOptions,
  ) {
    this.redis = connectRedis(server.endpoint);
    this.queues = new Queues(server.endpoint, prefix);
    this.reader = new RedisRunReader(this.redis, this.keys);
    this.folder = join(server.folder, 'keys');
    this.socket = server.socket;
  }

  private readonly socket: string;

  async run(): Promise<LookupStormNumbers> {
    const started = performance.now();
    try {
      for (let at = 0; at < this.options.workers; at++) this.workers.push(this.worker());
      await Promise.all(this.workers.map((worker) => worker.ready));
      const wind = this.wind();
      const patience = this.passMidnights();
      const { batch, urgent } = this.options;
      const slow = await this.open(batch.runs, 'batch', 'b', batch.hashes);
      const before = this.source.requests.perHash.size;
      const fast = await this.open(urgent.runs, 'interactive', 'u', urgent.hashes);
      // What they were told before the urgent ones came no longer holds.
      await this.lull(3_000);
      const watched = this.watch([...slow.slice(-20), ...fast.slice(-5)]);
      await this.untilEnded(started);
      this.ended.abort();
      await Promise.all([wind, patience, watched]);
      return await this.count([...slow, ...fast], before, started);
    } finally {
      this.ended.abort();
      await Promise.all(this.workers.map((worker) => worker.end()));
      await this.queues.close();
      this.redis.disconnect();
    }
  }

  private worker(): WorkerChild {
    const { limits, minuteMs } = this.options;
    return new WorkerChild({
      socket: this.socket,
      prefix,
      keys: this.folder,
      id: String(this.kills),
      lockMs,
      stalledMs: lockMs / 2,
      nodeSlots: 12,
      virusTotal: { url: this.source.url, apiKey, limits, windowMs: Math.ceil(minuteMs * 1.1) },
    });
  }

  private async open(runs: number, priority: RunRequest['options']['priority'], kind: string, hashes: number): Promise<string[]> {
    const signer = await openSigner(this.folder, 'api');
    const custody = new CustodyWriter(this.redis, this.keys, signer, 'api');
    const { redis, keys, queues } = this;
    const commander = new RedisRunCommander({ redis, keys, custody, queues, playbooks: syntheticPlaybooks, retryDelayMs: 50 });
    const ids: string[] = [];
    for (let at = 0; at < runs; at++) {
      const target = { namespace: 'shop', pod: podOf({ kind, from: at * this.options.perRun, count: this.options.perRun, of: hashes }) };
      const options = { priority, lookups: { deadlineSeconds: 86_400 } };
      ids.push(await commander.open(runRequestSchema.parse({ target, playbook: 'asking', options }), 'storm'));
    }
    return ids;
  }

  private lull(ms: number): Promise<boolean> {
    return sleep(ms, true, { signal: this.ended.signal }).catch(() => false);
  }

  private async wind(): Promise<void> {
    const { killEveryMs } = this.options;
    while (killEveryMs > 0 && (await this.lull(killEveryMs * (0.5 + Math.random())))) {
      const ready = this.workers.filter((worker) => worker.isReady && worker.isAlive);
      const victim = ready[Math.floor(Math.random() * ready.length)];
      if (victim === undefined || ready.length < 2) continue;
      this.kills += 1;
      this.workers = this.workers.filter((worker) => worker !== victim);
      await victim.end('SIGKILL');
      this.workers.push(this.worker());
    }
  }

  /** When the day's quota is used up, or all that others than urgent runs may have of it, nobody wants to wait for the night. */
  private async passMidnights(): Promise<void> {
    const texts = new SignedTexts(await openSigner(this.folder, 'api'), keyRing(this.folder), () => undefined);
    const office = new RedisLookupOffice(this.redis, this.keys, this.queues, texts);
    for (let asked = -1; this.options.startsAt !== undefined && (await this.lull(1_500)); ) {
      const now = this.source.requests.total;
      const { perDay } = this.options.limits;
      const isUsedUp = (await office.quota()).keys.some(({ left }) => left.month === 0 || left.day <= perDay * defaultInteractiveShare);
      if (now === asked && isUsedUp) await this.passMidnight();
      asked = now;
    }
  }

  private async passMidnight(): Promise<void> {
    const now = this.clock.now();
    const midnight = Math.floor(now / 86_400_000 + 1) * 86_400_000;
    this.midnights += 1;
    this.clock.move(midnight + 61_000 - now);
    // What sleeps until then does so by the clocks of the workers, which are not moved.
    await this.queues.get(lookupQueue).promoteJobs();
  }

  /** Notes what runs are told about the end of their wait, once they have been told, and when it came. A clock that jumps cannot be foretold. */
  private async watch(ids: readonly string[]): Promise<void> {
    if (this.options.startsAt !== undefined) return;
    const told = new Map<string, Foretelling>();
    const waiting = new Set(ids);
    while (waiting.size > 0 && !this.ended.signal.aborted) {
      for (const id of waiting) {
        const view = await this.reader.get(id);
        if (view === undefined) continue;
        const eta = view.waitingFor?.eta;
        if (eta !== undefined && !told.has(id)) told.set(id, { at: Date.now(), eta: Date.parse(eta), came: 0 });
        if (!hasAnswers(view)) continue;
        waiting.delete(id);
        const said = told.get(id);
        if (said !== undefined) this.foretellings.push({ ...said, came: Date.now() });
      }
      await sleep(100);
    }
  }

  private async untilEnded(started: number): Promise<void> {
    while (performance.now() - started < this.options.limitMs && (await this.redis.zcard(this.keys.open)) > 0) await sleep(200);
  }

  private async count(ids: readonly string[], before: number, started: number): Promise<LookupStormNumbers> {
    const trusted = await readPublicKeys(this.folder);
    const sum = { completed: 0, unanswered: 0, chainsBroken: 0 };
    for (const id of ids) {
      if ((await this.reader.get(id))?.state === 'completed') sum.completed += 1;
      const lookups = await this.reader.lookups(id);
      sum.unanswered += this.options.perRun - lookups.filter(({ status }) => status === 'unknown').length;
      if (!verifyChain(id, await this.reader.custody(id, 0, 10_000), trusted).ok) sum.chainsBroken += 1;
    }
    const { total, overQuota, perHash } = this.source.requests;
    return {
      runs: ids.length,
      hashes: ids.length * this.options.perRun,
      unique: this.options.batch.hashes + this.options.urgent.hashes,
      requests: total,
      refused: overQuota,
      kills: this.kills,
      midnights: this.midnights,
      ...sum,
      overtaken: this.overtaken([...perHash.keys()].slice(before)),
      ...errorsOf(this.foretellings),
      seconds: Math.round((performance.now() - started) / 100) / 10,
    };
  }

  private overtaken(order: readonly string[]): number {
    const urgent = new Set(Array.from({ length: this.options.urgent.hashes }, (_, at) => sha256Hex(`u ${at}`)));
    const last = order.findLastIndex((sha256) => urgent.has(sha256));
    return order.slice(0, last + 1).filter((sha256) => !urgent.has(sha256)).length;
  }
}

interface Foretelling {
  readonly at: number;
  readonly eta: number;
  readonly came: number;
}

function hasAnswers(view: RunView): boolean {
  return view.steps.some(({ name, finishedAt }) => name === 'lookup' && finishedAt !== undefined);
}

function errorsOf(foretellings: readonly Foretelling[]): Pick<LookupStormNumbers, 'foretold' | 'etaErrorMedian' | 'etaErrorWorst'> {
  const errors = foretellings
    .filter(({ at, came }) => came - at >= shortestWaitMs)
    .map(({ at, eta, came }) => Math.abs(eta - came) / (came - at))
    .sort((a, b) => a - b);
  const rounded = (value = 0): number => Math.round(value * 1000) / 1000;
  return { foretold: errors.length, etaErrorMedian: rounded(errors[Math.floor(errors.length / 2)]), etaErrorWorst: rounded(errors.at(-1)) };
}
