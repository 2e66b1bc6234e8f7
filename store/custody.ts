import { randomUUID } from 'node:crypto';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Checkpoint } from '../playbooks/domain/checkpoint.js';
import { type Act, type ActOnHead, type Head, registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import { ChainAppender, type ChainCommand, type Stamped } from './chain-appender.js';
import { ChainMemory } from './chain-memory.js';
import { signCheckpoint } from './checkpoint.js';
import { bodyOf } from './entry-line.js';
import type { Keys } from './keys.js';
import { append } from './scripts/append.js';
import { chainNote } from './scripts/chain-note.js';
import type { Reply } from './scripts/script.js';
import type { Signer } from './signing-key.js';

/** The most entries that one call writes. */
export const maxActsPerCall = 100;

/** The only writer of custody: puts what this process has to say of a run in order. */
export class CustodyWriter {
  private readonly appender: ChainAppender;
  private readonly tails = new Map<string, Promise<unknown>>();
  /** By run, who still takes acts that are only appended. */
  private readonly gathering = new Map<string, { readonly stamped: Stamped[]; readonly written: Promise<void> }>();

  constructor(
    redis: Redis,
    private readonly keys: Keys,
    private readonly signer: Signer,
    /** Who acts, unless an act says otherwise: `worker:<id>` or `api`. */
    private readonly actor: string,
    private readonly clock: () => Date = () => new Date(),
    memory = new ChainMemory(),
  ) {
    this.appender = new ChainAppender(redis, keys, signer, memory);
  }

  /**
   * Writes acts with whatever the command records in the same breath. Acts of this process on one run go one after the other,
   * so it never conflicts with itself; when another was first, the entries are built again on his head.
   * @returns the script's answer; never `moved`
   * @throws TriageError `redis-unavailable`, `internal`, `custody-broken` for a head in Redis that can be none
   */
  async write(run: string, acts: readonly (Act | ActOnHead)[], command: ChainCommand, actor = this.actor): Promise<Reply> {
    const stamped = this.stampAll(run, acts, actor);
    const registered = command.register === undefined ? undefined : this.stamp(registerChain, command.register, actor);
    // What is said from now on comes after these acts.
    this.gathering.delete(run);
    const chains = registered === undefined ? [run] : [run, registerChain];
    return this.inTurn(chains, () => this.appender.append(run, stamped, command, registered));
  }

  /**
   * Appends acts and nothing else; not fenced, as what was done was done. What is said of a run in one breath, or while its chain is being
   * written to, is written in one. Throws `not-found` for a run that does not exist.
   */
  async append(run: string, acts: readonly Act[]): Promise<void> {
    const stamped = this.stampAll(run, acts, this.actor);
    const open = this.gathering.get(run);
    if (open === undefined || open.stamped.length + stamped.length > maxActsPerCall) return this.gather(run, stamped);
    open.stamped.push(...stamped);
    return open.written;
  }

  private gather(run: string, stamped: Stamped[]): Promise<void> {
    const keys = [this.keys.artifacts(run), this.keys.steps(run), this.keys.fences(run)];
    const gathered = {
      stamped,
      written: this.inTurn([run], async () => {
        await immediate();
        if (this.gathering.get(run) === gathered) this.gathering.delete(run);
        this.found(run, await this.appender.append(run, stamped, { script: append, keys, rest: ['', '', 0] }));
      }),
    };
    this.gathering.set(run, gathered);
    return gathered.written;
  }

  /** Appends acts that change nothing of the run, by whoever did them. Throws `not-found` for a run that does not exist. */
  async note(run: string, acts: readonly (Act | ActOnHead)[], actor: string): Promise<void> {
    this.found(run, await this.write(run, acts, { script: chainNote, keys: [], rest: [] }, actor));
  }

  /**
   * The act that signs the head which it stands on.
   * @param extra what else is signed with it
   * @param made is told of each one that is made: several, when others come first; the last one stands
   */
  checkpoint(run: string, extra: Partial<Checkpoint> = {}, made?: (made: { jws: string; head: Head }) => void): ActOnHead {
    const at = this.clock().toISOString();
    return async (head) => {
      const { seq, hash } = head;
      if (seq === 0) throw new TriageError('not-found', `there is no chain of run ${run} that could be signed`);
      const jws = await signCheckpoint({ run, seq: seq - 1, hash, at, ...extra }, this.signer);
      made?.({ jws, head });
      return { act: 'run.checkpoint', subject: run, detail: { seq: seq - 1, hash, jws } };
    };
  }

  private found(run: string, [what]: Reply): void {
    if (what === 'gone') throw new TriageError('not-found', `there is no run ${run}`);
  }

  private async inTurn<T>(chains: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = chains.map((chain) => this.tails.get(chain) ?? Promise.resolve());
    const turn = Promise.all(before).then(work);
    const settled = turn.catch(() => undefined);
    for (const chain of chains) this.tails.set(chain, settled);
    try {
      return await turn;
    } finally {
      for (const chain of chains) if (this.tails.get(chain) === settled) this.tails.delete(chain);
    }
  }

  private stampAll(run: string, acts: readonly (Act | ActOnHead)[], actor: string): Stamped[] {
    if (acts.length === 0 || acts.length > maxActsPerCall) throw new TriageError('internal', `${acts.length} custody entries in one call`);
    return acts.map((act) => this.stamp(run, act, actor));
  }

  private stamp(run: string, act: Act | ActOnHead, actor: string): Stamped {
    const stamp = { id: randomUUID(), at: this.clock().toISOString(), run, actor, by: this.signer.kid };
    return { stamp, says: typeof act === 'function' ? act : bodyOf(act) };
  }
}
