import { join } from 'node:path';
import { expect } from 'vitest';
import { verifyChain } from '../../../playbooks/domain/custody.js';
import { type Lookup, lookupSchema } from '../../../playbooks/domain/lookup.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { type Report, reportSchema } from '../../../playbooks/report/model.js';
import { loadRules } from '../../../store/definitions.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { readPublicKeys } from '../../../store/public-keys.js';
import { QuotaLedger } from '../../../store/quota.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import type { Runner, RunnerOptions } from '../../../workers/runner/create-runner.js';
import type { RunnerPorts } from '../../../workers/runner/deps.js';
import type { Engine } from './engine.js';
import { fakePorts } from './fake-ports.js';
import { latePlaybooks } from './late-playbook.js';
import type { LateSource } from './late-source.js';

/** An engine whose runs take files out of nothing, keep evidence on disk, and ask, judge and report as real ones do. */
export class LateEngine {
  private constructor(
    readonly engine: Engine,
    readonly source: LateSource,
    readonly evidence: EvidenceKeeper,
    readonly folder: string,
  ) {}

  /** @param evidence in place of a store on disk */
  static async create(engine: Engine, source: LateSource, evidence?: EvidenceKeeper): Promise<LateEngine> {
    const folder = join(engine.folder, 'evidence');
    // A source that has never answered is asked one thing at a time, and these tests hold answers back.
    await new QuotaLedger(engine.redis, engine.keys, keyId(''), {}).answered();
    return new LateEngine(engine, source, evidence ?? (await createDiskEvidence(folder)), folder);
  }

  async runner(ports: Partial<RunnerPorts> = {}, options: Partial<RunnerOptions> = {}): Promise<Runner> {
    const timings = { amendDebounceMs: 1_000, ...options.timings };
    const all = { ...fakePorts, intel: this.source, evidence: this.evidence, ...ports };
    return this.engine.runner({ playbooks: latePlaybooks, rules: await loadRules('playbooks/rules'), ...options, ports: all, timings });
  }

  get commander(): RedisRunCommander {
    const { redis, keys, custody, queues } = this.engine;
    return new RedisRunCommander({ redis, keys, custody, queues, playbooks: latePlaybooks, retryDelayMs: 20 });
  }

  open(playbook: string, lookups: { budget?: number; deadlineSeconds?: number } = {}): Promise<string> {
    const request = { target: { namespace: 'shop', pod: 'web-0' }, playbook, options: { lookups } };
    return this.commander.open(runRequestSchema.parse(request), 'test');
  }

  async report(sha256: string): Promise<Report> {
    return reportSchema.parse(JSON.parse(await this.text(sha256)));
  }

  /** The listing of the lookups that the step wrote down. */
  async listed(run: string): Promise<Lookup[]> {
    const fact = (await this.engine.reader.records(run)).get('lookup-hashes')?.facts['lookups'] as { sha256: string };
    const lines = (await this.text(fact.sha256)).trimEnd().split('\n');
    return lines.filter((line) => line !== '').map((line) => lookupSchema.parse(JSON.parse(line)));
  }

  /** Checks the run's chain, and that each answer that it holds stands in custody once. */
  async verified(run: string): Promise<void> {
    const lines = await this.engine.reader.custody(run, 0, 100_000);
    expect(verifyChain(run, lines, await readPublicKeys(this.engine.folder))).toMatchObject({ ok: true });
    const answered = (await this.engine.entries(run)).filter(({ act }) => act === 'lookup.answered').map(({ subject }) => subject);
    const kept = (await this.engine.reader.lookups(run)).map(({ sha256 }) => sha256);
    expect([...answered].sort()).toEqual([...kept].sort());
  }

  private async text(sha256: string): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.evidence.open(sha256)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  }
}

/** How many of these have each status, with the reason where there is one. */
export function tally(lookups: readonly Pick<Lookup, 'status' | 'reason'>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, reason } of lookups) {
    const name = reason === undefined ? status : `${status}: ${reason}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
