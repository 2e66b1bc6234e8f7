import type { KeyObject } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ChainCheck, type ChainVerdict, type CustodyAct, type CustodyEntry, type KnownLines } from '../playbooks/domain/custody.js';
import { kidOf } from '../playbooks/domain/entry-text.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { TrustedKeys } from './public-keys.js';
import type { KeyRole } from './signing-key.js';

/** Entries of a chain that are read at once. */
export const chainChunk = 250;

/** Of acts that somebody rests on, who may say them. */
const roles: Partial<Record<CustodyAct, KeyRole>> = {
  'run.requested': 'api',
  'run.cancel-requested': 'api',
  'step.started': 'worker',
  'step.finished': 'worker',
  'step.failed': 'worker',
  'step.skipped': 'worker',
  'artifact.stored': 'worker',
  'artifact.known': 'worker',
  'artifact.left': 'worker',
  'lookup.answered': 'worker',
  'run.amended': 'worker',
  'result.delivered': 'worker',
  'result.undeliverable': 'worker',
  'evidence.held': 'api',
  'evidence.released': 'api',
};

/** Of acts that hold the digest of a record, which. */
const recordKinds: Partial<Record<CustodyAct, 'finished' | 'artifacts' | 'lookups' | 'amendments'>> = {
  'step.finished': 'finished',
  'step.failed': 'finished',
  'step.skipped': 'finished',
  'artifact.stored': 'artifacts',
  'artifact.known': 'artifacts',
  'artifact.left': 'artifacts',
  'lookup.answered': 'lookups',
  'run.amended': 'amendments',
};

/** A signed entry that a record outside of the chain must fit. */
export interface RecordEntry {
  readonly act: CustodyAct;
  readonly seq: number;
  /** sha256 of the record's text. */
  readonly record: unknown;
}

/** An entry that was found good at its place. */
export interface SeenEntry {
  readonly seq: number;
  readonly line: string;
}

/** Learns the keys that a chain was signed with while it is read. */
export class ChainSigners {
  readonly keys = new Map<string, KeyObject>();

  constructor(private readonly trusted: TrustedKeys) {}

  /** To be called with a line before it is checked. */
  async learn(line: string): Promise<void> {
    const kid = kidOf(line);
    if (kid === undefined || this.keys.has(kid)) return;
    const key = await this.trusted(kid);
    if (key !== undefined) this.keys.set(kid, key);
  }
}

/**
 * What a run's chain says of steps, artifacts and answers, each entry checked once, as the chain grows. It remembers the last entry that it has
 * seen: a chain that was cut or rewritten since does not pass for a whole one.
 */
export class ChainIndex implements KnownLines {
  readonly finished = new Map<string, RecordEntry>();
  readonly artifacts = new Map<string, RecordEntry>();
  readonly lookups = new Map<string, RecordEntry>();
  /** By version. */
  readonly amendments = new Map<string, RecordEntry>();
  /** step -> its beginnings. */
  readonly started = new Map<string, { readonly last: number; readonly times: number }>();
  /** delivery -> how often it has ended. */
  readonly told = new Map<string, number>();
  private stopAsked = false;
  private gone = false;
  private kept = false;
  private readonly check: ChainCheck;
  private readonly signers: ChainSigners;
  private readonly inRole = new Set<string>();
  private seen = 0;
  private last: string | undefined;
  private first: { readonly line: string; readonly entry: CustodyEntry } | undefined;

  /**
   * @param before what an index that was given up had seen: a chain without it does not hold
   * @param known lines whose hash and signature need no check
   */
  constructor(
    private readonly run: string,
    private readonly trusted: TrustedKeys,
    private readonly before?: SeenEntry,
    known?: KnownLines,
  ) {
    this.signers = new ChainSigners(trusted);
    this.check = new ChainCheck(run, this.signers.keys, known);
  }

  /** The last entry that was found good, to be seen again. */
  get memory(): SeenEntry | undefined {
    const mine = this.last === undefined ? undefined : { seq: this.seen - 1, line: this.last };
    return (this.before?.seq ?? -1) > (mine?.seq ?? -1) ? this.before : mine;
  }

  /** Entry 0, where it is this line that was found good. */
  entryOf(line: string): CustodyEntry | undefined {
    return this.first?.line === line ? this.first.entry : undefined;
  }

  /** Entries so far, and the hash of the last. */
  get head(): { readonly entries: number; readonly head: string } {
    const verdict = this.check.verdict();
    return { entries: this.seen, head: verdict.ok ? verdict.head : '' };
  }

  /** Whether somebody who may has asked the run to stop. */
  get cancelled(): boolean {
    return this.stopAsked;
  }

  /** Whether the run's evidence was destroyed, its records of artifacts with it. */
  get destroyed(): boolean {
    return this.gone;
  }

  /** Whether somebody who may has held the run's evidence, and nobody has released it. */
  get held(): boolean {
    return this.kept;
  }

  /** How much it holds, roughly. */
  get size(): number {
    return 1 + this.artifacts.size + this.lookups.size + this.told.size;
  }

  /** Reads on to the end of the chain. Throws `custody-broken`. */
  async advance(redis: Redis, chain: string): Promise<void> {
    for (;;) {
      const lines = await redis.lrange(chain, this.from, this.from + chainChunk);
      await this.take(lines);
      if (lines.length <= chainChunk) break;
    }
    this.assertWhole();
  }

  /** To be called where the chain ends. Throws `custody-broken` for one that is shorter than it was. */
  assertWhole(): void {
    if (this.before !== undefined && this.seen <= this.before.seq) throw this.cut(this.before.seq);
  }

  /** Where to read on: with the last entry that was seen, to see it again. */
  get from(): number {
    return Math.max(0, this.seen - 1);
  }

  /** Takes lines as they stand in the chain from {@link from} on. Throws `custody-broken`. */
  async take(lines: readonly string[]): Promise<void> {
    if (this.last !== undefined && lines[0] !== this.last) throw this.cut(this.seen - 1);
    for (const line of this.last === undefined ? lines : lines.slice(1)) {
      await this.signers.learn(line);
      const entry = this.check.add(line);
      if (entry === undefined) throw this.broken(problemOf(this.check.verdict()));
      if (entry.seq === this.before?.seq && line !== this.before.line) throw this.cut(entry.seq);
      await this.assertRole(entry);
      this.fold(entry);
      this.first ??= { line, entry };
      this.seen += 1;
      this.last = line;
    }
  }

  private async assertRole({ act, by, seq }: CustodyEntry): Promise<void> {
    const role = roles[act];
    const key = `${role} ${by}`;
    if (role === undefined || this.inRole.has(key)) return;
    if ((await this.trusted(by, role)) === undefined) throw this.broken(`entry ${seq} (${act}) is signed by a key that is not enrolled as ${role}`);
    this.inRole.add(key);
  }

  private fold({ act, subject = '', seq, detail }: CustodyEntry): void {
    const kind = recordKinds[act];
    if (kind === 'amendments') this.amendments.set(String(detail['version']), { act, seq, record: detail['record'] });
    else if (kind !== undefined) this[kind].set(subject, { act, seq, record: detail['record'] });
    else if (act === 'step.started') this.started.set(subject, { last: seq, times: (this.started.get(subject)?.times ?? 0) + 1 });
    else if (act === 'result.delivered' || act === 'result.undeliverable') countOne(this.told, String(detail['delivery']));
    else if (act === 'run.cancel-requested') this.stopAsked = true;
    else if (act === 'evidence.destroyed') this.gone = true;
    else if (act === 'evidence.held' || act === 'evidence.released') this.kept = act === 'evidence.held';
  }

  private cut(seq: number): TriageError {
    return this.broken(`entry ${seq} is gone or was rewritten after it had been checked`);
  }

  private broken(problem: string): TriageError {
    return brokenChain(this.run, problem);
  }
}

function countOne(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Says that a chain does not hold, and where. */
export function brokenChain(run: string, problem: string): TriageError {
  return new TriageError('custody-broken', `the chain of custody of run ${run} does not hold: ${problem}; the run is not acted upon`);
}

/** What is wrong with a chain that was found broken. */
export function problemOf(verdict: ChainVerdict): string {
  return verdict.ok ? '' : `entry ${verdict.at} ${verdict.problem}`;
}
