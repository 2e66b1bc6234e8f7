import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect } from 'vitest';
import { type RunRequest, runRequestSchema } from '../../../playbooks/domain/request.js';
import type { IntelPort, NodePort } from '../../../playbooks/ports.js';
import { CustodyWriter } from '../../../store/custody.js';
import { keyRing } from '../../../store/public-keys.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RunLog } from '../../../store/run-log.js';
import type { RunView } from '../../../store/run-view.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { type Signer, signerOf } from '../../../store/signing-key.js';
import type { Runner } from '../../../workers/runner/create-runner.js';
import type { Engine } from './engine.js';
import { fakeNodes, fakePorts } from './fake-ports.js';
import { syntheticPlaybooks } from './synthetic.js';

interface Line {
  readonly level: number;
  readonly code?: string;
  readonly run?: string;
  readonly what?: string;
  readonly msg: string;
}

/** An engine that somebody else can write to, with all that its workers do on nodes and say in their log. */
export class AttackStand {
  /** Commands on nodes, in order. */
  readonly commands: string[] = [];
  readonly asked: string[] = [];
  private readonly lines: Line[] = [];
  /** Is done right before a command starts. */
  onCommand: (name: string) => Promise<void> = () => Promise.resolve();

  constructor(readonly engine: Engine) {}

  /** @param under the nodes themselves */
  runner(under: NodePort = fakeNodes): Promise<Runner> {
    const nodes: NodePort = {
      connect: async (node, signal) => {
        const session = await under.connect(node, signal);
        return {
          node: session.node,
          close: () => session.close(),
          start: async (command, stop) => {
            this.commands.push(command.name);
            await this.onCommand(command.name);
            return session.start(command, stop);
          },
        };
      },
    };
    const intel: IntelPort = {
      source: 'test',
      lookup: (sha256) => {
        this.asked.push(sha256);
        return Promise.resolve({ lookup: { sha256, source: 'test', status: 'detected', askedAt: new Date().toISOString() } });
      },
    };
    const logger = pino({ level: 'error' }, { write: (line: string) => this.lines.push(JSON.parse(line) as Line) });
    return this.engine.runner({ ports: { ...fakePorts, nodes, intel }, logger, witness: join(this.engine.folder, 'register.json') });
  }

  /** A run whose flow the reconciler will add: time to write into Redis before any worker looks. */
  async waitingRun(playbook = 'brief'): Promise<string> {
    return (await this.engine.commander.record(runOf(playbook), 'test')).run;
  }

  /** Expects that a run ends as one that cannot be believed, and that the log says so. */
  async refused(run: string): Promise<RunView> {
    const view = await this.engine.ended(run);
    expect(view).toMatchObject({ state: 'failed', error: { code: 'custody-broken' } });
    expect(this.alerts.filter((line) => line.run === run && line.what === 'a run').length).toBeGreaterThan(0);
    return view;
  }

  /** What was reported as broken. */
  get alerts(): readonly Line[] {
    return this.lines.filter(({ code }) => code === 'custody-broken');
  }

  get signed(): SignedRuns {
    const { redis, keys, folder } = this.engine;
    return new SignedRuns(redis, keys, keyRing(folder));
  }

  /** Writes as a worker does. */
  get log(): RunLog {
    const { redis, keys, workerCustody } = this.engine;
    return new RunLog(redis, keys, workerCustody);
  }

  /** Opens runs with another key than the API's. */
  commander(signer: Signer): RedisRunCommander {
    const { redis, keys, queues } = this.engine;
    const custody = new CustodyWriter(redis, keys, signer, 'test');
    return new RedisRunCommander({ redis, keys, custody, queues, playbooks: syntheticPlaybooks, retryDelayMs: 20 });
  }

  /** Does one step as a worker would, with these facts. */
  async did(run: string, step: string, facts: Record<string, unknown>): Promise<void> {
    const begun = await this.log.begin(run, step, 1);
    if (begun.what !== 'go') throw new Error('the step did not begin');
    const at = new Date().toISOString();
    const record = { status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, facts, gaps: [], limits: [] } as const;
    const what = await this.log.finish({ run, step, fence: begun.fence }, { ...record, gaps: [], limits: [] });
    if (what !== 'ok') throw new Error(what);
  }

  /** Cuts a chain as somebody who writes to Redis would: head and all. */
  async cut(run: string, entries: number): Promise<void> {
    const { redis, keys, reader } = this.engine;
    const last = JSON.parse((await reader.custody(run, entries - 1, 1))[0] ?? '{}') as { hash?: string };
    await redis.ltrim(keys.custody(run), 0, entries - 1);
    await redis.set(keys.head(run), last.hash ?? '');
  }
}

/** What a run of a playbook asks for. */
export function runOf(playbook: string): RunRequest {
  return runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web-0' }, playbook });
}

/** A key that nobody has enrolled. */
export function strangersKey(): Signer {
  return signerOf(generateKeyPairSync('ed25519').privateKey);
}
