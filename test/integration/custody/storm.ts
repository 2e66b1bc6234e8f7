import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CustodyWriter } from '../../../store/custody.js';
import { keysOf } from '../../../store/keys.js';
import { connectRedis } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { RedisChild } from '../engine/redis-child.js';
import { type Answer, answerSchema, type ChildOptions } from './storm-options.js';

type Places = Omit<ChildOptions, 'id' | 'bagger'>;

/** How hard the storm blows. */
export interface CustodyStormOptions {
  readonly kills: number;
  /** Children that live at a time. */
  readonly children: number;
  readonly redisCrashes: number;
}

/** What is left when all children are dead. */
export interface Wreck {
  readonly server: RedisChild;
  readonly places: Places;
  readonly answers: readonly Answer[];
  readonly kills: number;
  readonly seconds: number;
}

/** A child is killed when it has said so much at most, mostly far less, and at most so many milliseconds later: however slow the machine, it has come somewhere. */
const mostAnswers = { writer: 60, bagger: 4 };
const mostMs = 15;
const root = join(import.meta.dirname, '..', '..', '..');

/**
 * Kills children that write custody, evidence and bags, at random, and Redis now and then. What is left is given to `look`, which has it until it returns.
 * The children are made one script first, as Node.js loads it in a fraction of the time.
 */
export async function custodyStorm<T>(options: CustodyStormOptions, look: (wreck: Wreck) => Promise<T>): Promise<T> {
  const server = await RedisChild.start();
  const script = await bundled();
  try {
    const places = await placesOf(server);
    return await look(await new Storm(server, script, places, options).blow());
  } finally {
    await server.stop();
    await rm(script, { recursive: true });
  }
}

async function placesOf(server: RedisChild): Promise<Places> {
  const folder = (name: string): string => join(server.folder, name);
  const places = {
    socket: server.socket,
    prefix: '{podtriage-custody-storm}',
    keys: folder('keys'),
    evidence: folder('evidence'),
    bags: folder('bags'),
  };
  await mkdir(places.bags);
  await openSigner(places.keys, 'api');
  await openSigner(places.keys, 'worker');
  return { ...places, shared: 'r-shared' };
}

async function bundled(): Promise<string> {
  const out = await mkdtemp(join(root, 'node_modules', '.podtriage-storm-'));
  await writeFile(join(out, 'package.json'), '{ "type": "module" }');
  const require = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const entries = [join(import.meta.dirname, 'storm-child.ts'), join(root, 'store', 'evidence', 'batch-thread.ts')];
  const how = ['--bundle', '--splitting', '--platform=node', '--format=esm', '--entry-names=[name]', `--banner:js=${require}`, '--log-level=error'];
  await promisify(execFile)(join(root, 'node_modules', '.bin', 'esbuild'), [...entries, ...how, `--outdir=${out}`]);
  return out;
}

class Storm {
  private readonly answers: Answer[] = [];
  private readonly alive = new Set<ChildProcess>();
  private kills = 0;
  private started = 0;

  constructor(
    private readonly server: RedisChild,
    private readonly script: string,
    private readonly places: Places,
    private readonly options: CustodyStormOptions,
  ) {}

  async blow(): Promise<Wreck> {
    const began = performance.now();
    await this.openShared();
    const lanes = Array.from({ length: this.options.children }, () => this.lane());
    try {
      await Promise.all([...lanes, this.crashes()]);
    } finally {
      for (const child of this.alive) child.kill('SIGKILL');
    }
    return { server: this.server, places: this.places, answers: this.answers, kills: this.kills, seconds: (performance.now() - began) / 1_000 };
  }

  private async openShared(): Promise<void> {
    const redis = connectRedis(this.server.endpoint);
    const keys = keysOf(this.places.prefix);
    await redis.hset(keys.run(this.places.shared), 'state', 'running');
    const custody = new CustodyWriter(redis, keys, await openSigner(this.places.keys, 'api'), 'api');
    await custody.append(this.places.shared, [{ act: 'evidence.held', subject: 'first', detail: { reason: 'storm' } }]);
    redis.disconnect();
  }

  /** One child after the other. */
  private async lane(): Promise<void> {
    while (this.started < this.options.kills) {
      this.started += 1;
      await this.child(this.started);
      this.kills += 1;
    }
  }

  /** Starts a child and kills it. What it has said is read to the last word. */
  private async child(number: number): Promise<void> {
    const options: ChildOptions = { ...this.places, id: String(number), bagger: number % 5 === 0 };
    const argv = [join(this.script, 'storm-child.js'), JSON.stringify(options)];
    const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.alive.add(child);
    const gone = once(child, 'exit').finally(() => this.alive.delete(child));
    const lines = createInterface({ input: child.stdout });
    const allRead = once(lines, 'close');
    let left = Math.floor(mostAnswers[options.bagger ? 'bagger' : 'writer'] * Math.random() ** 2);
    const enough = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        const answer = answerSchema.parse(JSON.parse(line));
        if (answer.what !== 'ready') this.answers.push(answer);
        if (left === 0) resolve();
        left -= 1;
      });
    });
    await Promise.race([enough, gone]);
    await sleep(Math.random() * mostMs);
    if (child.exitCode !== null) throw new Error('a child of the storm died by itself');
    child.kill('SIGKILL');
    await Promise.all([gone, allRead]);
  }

  private async crashes(): Promise<void> {
    const every = this.options.kills / (this.options.redisCrashes + 1);
    for (let crash = 1; crash <= this.options.redisCrashes; crash += 1) {
      while (this.kills < crash * every) await sleep(20);
      await this.server.crash(300);
    }
  }
}
