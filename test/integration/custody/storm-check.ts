import type { KeyObject } from 'node:crypto';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { verifyBag } from '../../../playbooks/bag/verify-bag.js';
import { artifactSchema } from '../../../playbooks/domain/artifact.js';
import { readCheckpoint } from '../../../playbooks/domain/checkpoint.js';
import { ChainCheck, type CustodyEntry, registerChain, sha256Hex } from '../../../playbooks/domain/custody.js';
import { openFolder } from '../../../store/bag/folder-reader.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { keysOf } from '../../../store/keys.js';
import { readPublicKeys } from '../../../store/public-keys.js';
import { connectRedis } from '../../../store/redis.js';
import { References } from '../../../store/references.js';
import type { Wreck } from './storm.js';

/** What is wrong, in words, and how much was looked at. */
export interface StormFindings {
  readonly problems: readonly string[];
  readonly kills: number;
  readonly seconds: number;
  readonly runs: number;
  readonly sealed: number;
  readonly entries: number;
  readonly answered: number;
  /** Acts that stand in custody and that nobody has heard of: their process was killed between the two. */
  readonly unheard: number;
  readonly contents: number;
  readonly bags: number;
  /** Bags that were begun. */
  readonly partialBags: number;
  readonly temporaryFiles: number;
}

/** Looks through all that the storm has left. */
export async function lookThrough(wreck: Wreck): Promise<StormFindings> {
  const redis = connectRedis(wreck.server.endpoint);
  try {
    return await new StormCheck(wreck, redis, await readPublicKeys(wreck.places.keys)).run();
  } finally {
    redis.disconnect();
  }
}

class StormCheck {
  private readonly problems: string[] = [];
  private readonly keys;
  private counts = { entries: 0, sealed: 0, marks: 0, contents: 0, bags: 0, partialBags: 0, temporaryFiles: 0 };
  /** Entries of the register by act and run. */
  private readonly registered = new Map<string, CustodyEntry[]>();
  /** By run. */
  private readonly answered = new Map<string, Set<string>>();

  constructor(
    private readonly wreck: Wreck,
    private readonly redis: Redis,
    private readonly trusted: ReadonlyMap<string, KeyObject>,
  ) {
    this.keys = keysOf(wreck.places.prefix);
  }

  async run(): Promise<StormFindings> {
    const { answers, kills, seconds, places } = this.wreck;
    for (const answer of answers) {
      if (answer.what === 'act') this.answered.set(answer.run, (this.answered.get(answer.run) ?? new Set()).add(answer.mark));
    }
    for (const entry of await this.chain(registerChain)) {
      const what = `${entry.act} ${entry.subject ?? ''}`;
      this.registered.set(what, [...(this.registered.get(what) ?? []), entry]);
    }
    const runs = await this.redis.zrange(this.keys.all, '0', '-1');
    for (const run of [...runs, places.shared]) await this.checkRun(run);
    for (const run of this.answered.keys())
      if (run !== places.shared && !runs.includes(run)) this.problems.push(`${run} was answered for and is gone`);
    for (const what of this.registered.keys()) if (!runs.includes(what.split(' ')[1] ?? '')) this.problems.push(`${what} is of no run`);
    await this.checkEvidence();
    await this.checkBags();
    const answered = [...this.answered.values()].reduce((sum, marks) => sum + marks.size, 0);
    const { marks, ...counts } = this.counts;
    return { problems: this.problems, kills, seconds, runs: runs.length, answered, unheard: marks - answered, ...counts };
  }

  private async chain(run: string): Promise<CustodyEntry[]> {
    const check = new ChainCheck(run, this.trusted);
    const entries: CustodyEntry[] = [];
    for (let from = 0; ; from += 1_000) {
      const lines = await this.redis.lrange(this.keys.custody(run), from, from + 999);
      for (const line of lines) entries.push(...[check.add(line)].filter((entry) => entry !== undefined));
      if (lines.length < 1_000) break;
    }
    const verdict = check.verdict();
    if (!verdict.ok) this.problems.push(`${run}: entry ${verdict.at} ${verdict.problem}`);
    else if (verdict.head !== (await this.redis.get(this.keys.head(run)))) this.problems.push(`${run}: its head is another entry`);
    this.counts.entries += entries.length;
    return entries;
  }

  private async checkRun(run: string): Promise<void> {
    const entries = await this.chain(run);
    const seen = new Map<string, number>();
    for (const entry of entries) {
      const mark = markOf(entry);
      if (mark !== undefined) seen.set(mark, (seen.get(mark) ?? 0) + 1);
      if (entry.act === 'run.checkpoint') await this.checkCheckpoint(run, entries, entry);
    }
    this.counts.marks += seen.size;
    for (const [mark, times] of seen) if (times > 1) this.problems.push(`${run}: ${mark} stands there ${times} times`);
    for (const mark of this.answered.get(run) ?? []) if (!seen.has(mark)) this.problems.push(`${run}: ${mark} was answered for and is lost`);
    if (run === this.wreck.places.shared) return;
    this.checkRegister(run, entries, (await this.redis.hget(this.keys.run(run), 'state')) === 'completed');
    await this.checkRecords(run, entries);
  }

  private async checkCheckpoint(run: string, entries: readonly CustodyEntry[], { seq, prev, detail }: CustodyEntry): Promise<void> {
    const jws = String(detail['jws']);
    const signed = await readCheckpoint(jws, this.trusted).catch((error: unknown) => String(error));
    if (typeof signed === 'string') this.problems.push(`${run}: ${signed}`);
    else if (signed.run !== run || signed.seq !== seq - 1 || signed.hash !== prev || entries[signed.seq]?.hash !== signed.hash)
      this.problems.push(`${run}: the checkpoint of entry ${seq} signs another head`);
  }

  private checkRegister(run: string, entries: readonly CustodyEntry[], sealed: boolean): void {
    const opened = this.registered.get(`run.opened ${run}`) ?? [];
    if (opened.length !== 1 || opened[0]?.detail['head'] !== entries[0]?.hash)
      this.problems.push(`${run}: the register has it ${opened.length} times`);
    const reported = this.registered.get(`run.reported ${run}`) ?? [];
    if (reported.length !== (sealed ? 1 : 0)) this.problems.push(`${run}: the register has its end ${reported.length} times`);
    for (const { detail } of reported) {
      const last = entries[Number(detail['seq'])];
      if (last?.hash !== detail['head'] || last?.act !== 'run.checkpoint') this.problems.push(`${run}: the register has another head of it`);
    }
    if (sealed) this.counts.sealed += 1;
  }

  /** Records and their signed digests: both or neither. */
  private async checkRecords(run: string, entries: readonly CustodyEntry[]): Promise<void> {
    const records = { ...(await this.redis.hgetall(this.keys.artifacts(run))), ...(await this.redis.hgetall(this.keys.steps(run))) };
    const signed = entries.filter(({ act }) => act.startsWith('artifact.') || act === 'step.finished');
    if (signed.length !== Object.keys(records).length)
      this.problems.push(`${run}: ${signed.length} signed records, ${Object.keys(records).length} there`);
    for (const { subject = '', detail } of signed)
      if (sha256Hex(records[subject] ?? '') !== detail['record']) this.problems.push(`${run}: the record of ${subject} is not the signed one`);
  }

  private async checkEvidence(): Promise<void> {
    const { signal } = new AbortController();
    const folder = this.wreck.places.evidence;
    const store = await createDiskEvidence(folder);
    const references = new References(this.redis, this.keys);
    const kept = new Set<string>();
    for await (const sha256 of store.all(signal)) {
      kept.add(sha256);
      if (!(await store.check(sha256, signal))) this.problems.push(`${sha256} has other bytes`);
      if (!(await references.isReferred(sha256))) this.problems.push(`nobody refers to ${sha256}`);
    }
    this.counts.contents = kept.size;
    for (const answer of this.wreck.answers)
      if (answer.what === 'stored' && !kept.has(answer.sha256)) this.problems.push(`${answer.sha256} was answered for and is lost`);
    for (const run of await this.redis.zrange(this.keys.all, '0', '-1'))
      for (const text of await this.redis.hvals(this.keys.artifacts(run))) {
        const { sha256 } = artifactSchema.parse(JSON.parse(text));
        if (!kept.has(sha256)) this.problems.push(`${run} refers to ${sha256}, which is not there`);
      }
    await this.checkSweep(join(folder, 'tmp'));
  }

  /** What killed processes have left is gone when the store is opened a day later. */
  private async checkSweep(folder: string): Promise<void> {
    const left = await readdir(folder);
    this.counts.temporaryFiles = left.length;
    const longAgo = new Date(Date.now() - 25 * 3_600_000);
    for (const name of left) await utimes(join(folder, name), longAgo, longAgo);
    await createDiskEvidence(this.wreck.places.evidence);
    const still = await readdir(folder);
    if (still.length > 0) this.problems.push(`${still.length} temporary files are never swept`);
  }

  private async checkBags(): Promise<void> {
    const { bags } = this.wreck.places;
    const names = await readdir(bags);
    const whole = names.filter((name) => !name.startsWith('.'));
    this.counts.bags = whole.length;
    this.counts.partialBags = names.length - whole.length;
    for (const answer of this.wreck.answers)
      if (answer.what === 'bag' && !whole.includes(answer.path.slice(bags.length + 1)))
        this.problems.push(`${answer.path} was answered for and is lost`);
    for (const name of whole) {
      const bag = await openFolder(join(bags, name));
      const { state, problems } = await verifyBag(bag, { pinned: this.trusted });
      await bag.close();
      const [first] = problems;
      if (state !== 'holds') this.problems.push(`bag ${name}: ${state}, ${first?.where.file ?? ''} ${first?.what ?? ''}`);
    }
  }
}

/** What tells an act from all others of its run; undefined for what may be there more than once. */
function markOf({ act, subject, detail }: CustodyEntry): string | undefined {
  if (act === 'run.checkpoint') return String(detail['jws']);
  if (act === 'step.finished') return `finished ${subject ?? ''}`;
  if (act === 'run.requested') return act;
  if (act.startsWith('artifact.') || act.startsWith('command.')) return subject;
  return act === 'evidence.read' && detail['what'] !== 'bag' ? subject : undefined;
}
