import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { registerChain } from '../playbooks/domain/custody.js';
import { asTriageError, TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import type { Alert } from './alert.js';
import { chainChunk } from './chain-index.js';
import type { ChainMemory } from './chain-memory.js';
import { syncFolder } from './evidence/folder.js';
import type { Keys } from './keys.js';
import type { TrustedKeys } from './public-keys.js';
import { RegisterEntries, type Sealed } from './register-entries.js';

const seenSchema = z.object({ seq: z.int().nonnegative(), line: z.string() });
type SeenLine = z.output<typeof seenSchema>;

/** Where a {@link RegisterWitness} works. */
export interface WitnessPlace {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly trusted: TrustedKeys;
  readonly alert: Alert;
  /** Where the last entry is kept; absent: it is remembered as long as the process lives. */
  readonly file?: string;
  /** What the writer of this process knows of chains. */
  readonly memory?: ChainMemory;
}

/**
 * What this machine has seen of the register of runs: its last entry is kept in a file, outside of Redis. A register without it was cut or
 * rewritten, and then nobody can say any more which runs have ended: nothing is done until an operator has looked, and has removed the file.
 * An entry that nobody who may has signed is reported and counts for nothing.
 */
export class RegisterWitness {
  private entries: RegisterEntries;
  private last: SeenLine | undefined;
  /** From the file, or from before the entries had to be read anew. */
  private before: SeenLine | undefined;
  private isRead = false;
  private turn: Promise<unknown> = Promise.resolve();
  private written = -1;
  /** A look that has not begun yet: it will see all that is there when somebody asks now. */
  private next: Promise<void> | undefined;

  constructor(private readonly place: WitnessPlace) {
    this.entries = new RegisterEntries(place.memory);
  }

  /** Looks at what has come since, once for all who ask while another look is under way. Throws `custody-broken`, `store-unwritable` and what Redis throws. */
  look(): Promise<void> {
    this.next ??= this.inTurn(() => {
      this.next = undefined;
      return this.advance();
    });
    return this.next;
  }

  /**
   * Makes sure that a run was opened and has not ended: a run that was set back to its beginning is not done again.
   * @throws TriageError `custody-broken`, `store-unwritable` and what Redis throws
   */
  async assertOpen(run: string): Promise<void> {
    await this.look();
    // The key of a new API may have been enrolled after its first run was seen.
    if (!this.entries.opened.has(run)) await this.inTurn(() => this.entries.again(this.place.trusted));
    const { opened, reported } = this.entries;
    const problem = !opened.has(run) ? 'was never opened' : reported.has(run) ? 'has ended' : undefined;
    if (problem !== undefined) throw new TriageError('custody-broken', `run ${run} ${problem}, says the register of runs; it is not acted upon`);
  }

  /** The runs that were ever opened. Throws as {@link look} does. */
  async opened(): Promise<ReadonlySet<string>> {
    await this.lookAtAll();
    return this.entries.opened;
  }

  /**
   * The runs whose evidence nobody has destroyed, and of those that are sealed, where: what may be removed rests on it, so that every entry must hold.
   * @throws TriageError `custody-broken`, `store-unwritable` and what Redis throws
   */
  async standing(): Promise<ReadonlyMap<string, Sealed | undefined>> {
    await this.lookAtAll();
    if (this.entries.holds) return this.entries.standing();
    throw new TriageError('custody-broken', 'the register of runs does not hold: entries of it are not believed, or do not follow each other');
  }

  /** Looks, and again at what was not believed: its key may have been enrolled since. */
  private async lookAtAll(): Promise<void> {
    await this.look();
    if (!this.entries.holds) await this.inTurn(() => this.entries.again(this.place.trusted));
  }

  private async inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.turn.then(work);
    this.turn = turn.catch(() => undefined);
    await turn;
  }

  private async advance(): Promise<void> {
    if (!this.isRead) this.before = await this.read();
    this.isRead = true;
    const { redis, keys } = this.place;
    for (;;) {
      const from = this.last?.seq ?? 0;
      const lines = await redis.lrange(keys.custody(registerChain), from, from + chainChunk);
      if (this.last !== undefined && lines[0] !== this.last.line) throw this.cut(this.last);
      await this.take(from, lines);
      if (lines.length <= chainChunk) break;
    }
    if (this.before !== undefined && (this.last?.seq ?? -1) < this.before.seq) throw this.cut(this.before);
    this.before = undefined;
    await this.keep();
  }

  private async take(from: number, lines: readonly string[]): Promise<void> {
    for (const [at, line] of lines.entries()) {
      const seq = from + at;
      if (seq === this.last?.seq) continue;
      if (seq === this.before?.seq && line !== this.before.line) throw this.cut(this.before);
      const problem = await this.entries.add(seq, line, this.place.trusted);
      if (problem !== undefined) this.place.alert(problem, { what: 'the register of runs' });
      this.last = { seq, line };
      if (this.entries.head !== undefined) this.place.memory?.headSeen(registerChain, { seq: seq + 1, hash: this.entries.head });
    }
  }

  /** It may be put right again: all is read anew, and what was seen must be there. */
  private cut(seen: SeenLine): TriageError {
    this.before = seen;
    this.last = undefined;
    this.entries = new RegisterEntries(this.place.memory);
    const way = this.place.file === undefined ? '' : `; when you know why, remove ${this.place.file} and start again`;
    return new TriageError('custody-broken', `entry ${seen.seq} of the register of runs is gone or was rewritten: it was seen here${way}`);
  }

  private async read(): Promise<SeenLine | undefined> {
    const text = this.place.file === undefined ? '' : await readFile(this.place.file, 'utf8').catch(() => '');
    return seenSchema.safeParse(parseJson(text)).data;
  }

  private async keep(): Promise<void> {
    const { file } = this.place;
    if (file === undefined || this.last === undefined || this.last.seq === this.written) return;
    const draft = `${file}.${randomUUID()}`;
    try {
      // A file that is empty after a power cut would have forgotten what was seen.
      await writeFile(draft, JSON.stringify(this.last), { mode: 0o600, flush: true });
      await rename(draft, file);
      await syncFolder(dirname(file));
    } catch (cause) {
      throw asTriageError(cause, 'store-unwritable', `cannot write ${file}`);
    }
    this.written = this.last.seq;
  }
}
