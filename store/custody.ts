import { randomUUID } from 'node:crypto';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Checkpoint } from '../playbooks/domain/checkpoint.js';
import { type Act, type ActOnHead, type CustodyEntry, type Head, registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import { chainHead, toldHead } from './chain-head.js';
import { ChainMemory } from './chain-memory.js';
import { signCheckpoint } from './checkpoint.js';
import { bodyOf, signedLine } from './entry-line.js';
import type { Keys } from './keys.js';
import { append } from './scripts/append.js';
import type { RegisterTurn } from './scripts/chain.js';
import { chainNote } from './scripts/chain-note.js';
import { type Reply, runScript, type Script } from './scripts/script.js';
import type { Signer } from './signing-key.js';

/** The most entries that one call writes. */
export const maxActsPerCall = 100;

/** A script of the chain family and what it gets besides the chain: KEYS from 4, and the arguments after the lines. */
export interface ChainCommand {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly rest: readonly (string | number)[];
  /** For a script that also writes the register: its line, made for the head that the run's chain will have. */
  readonly register?: ActOnHead;
  /** Somebody waits for it: when it comes too late for the register, others let it go first. */
  readonly isAwaited?: boolean;
}

/** An act with what is given to it once, however often it must be built again: without an id of its own, two equal acts would be taken for one. */
interface Stamped {
  readonly stamp: Pick<CustodyEntry, 'id' | 'at' | 'run' | 'actor' | 'by'>;
  readonly says: ReturnType<typeof bodyOf> | ActOnHead;
}

/** A line for the register, and what it was built upon. */
interface Registered {
  readonly at: Head;
  readonly built: Built;
  readonly turn: RegisterTurn;
}

/** Others are let go first so many times, with so many milliseconds between: who waits here holds up all that this process has for the register. */
const maxYields = 5;
const yieldMs = 3;

interface Built {
  readonly lines: readonly string[];
  readonly head: Head;
}

const empty: Head = { seq: 0, hash: '' };

/** The only writer of custody: builds, hashes and signs entries here, and lets a script append them if nobody was first. */
export class CustodyWriter {
  private readonly tails = new Map<string, Promise<unknown>>();
  /** By run, who still takes acts that are only appended. */
  private readonly gathering = new Map<string, { readonly stamped: Stamped[]; readonly written: Promise<void> }>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly signer: Signer,
    /** Who acts, unless an act says otherwise: `worker:<id>` or `api`. */
    private readonly actor: string,
    private readonly clock: () => Date = () => new Date(),
    private readonly memory = new ChainMemory(),
  ) {}

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
    return this.inTurn(chains, () => this.attempt(run, stamped, command, registered));
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
        this.found(run, await this.attempt(run, stamped, { script: append, keys, rest: ['', '', 0] }, undefined));
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

  private async attempt(run: string, stamped: readonly Stamped[], command: ChainCommand, registered: Stamped | undefined): Promise<Reply> {
    let at = this.memory.headOf(run) ?? (await this.headFor(run, stamped));
    let built = await this.build(stamped, at);
    for (let yields = 0; ; ) {
      const turn = command.isAwaited === true ? 'first' : yields < maxYields ? 'after' : 'now';
      const register = registered === undefined ? undefined : ({ ...(await this.registerLine(registered, built.head)), turn } as const);
      const reply = await this.send(run, { at, built, register }, command);
      if (reply[0] === 'moved') {
        at = toldHead(run, reply[1], reply[2]);
        this.memory.headIs(run, at);
        built = await this.build(stamped, at);
      } else if (reply[0] === 'register-moved' || reply[0] === 'register-taken') {
        this.memory.headIs(registerChain, toldHead(registerChain, reply[1], reply[2]));
        if (reply[0] === 'register-moved') continue;
        yields += 1;
        await sleep(yieldMs);
      } else {
        if (reply[0] === 'ok' || reply[0] === 'go' || reply[0] === 'cancelled') this.memory.headIs(run, built.head);
        if (reply[0] === 'ok' && register !== undefined) this.memory.headIs(registerChain, register.built.head);
        return reply;
      }
    }
  }

  /** For a chain that this process has not written to yet: taken for empty, and Redis says if it is not. But no act tells of a head that was guessed. */
  private async headFor(run: string, stamped: readonly Stamped[]): Promise<Head> {
    if (!stamped.some(({ says }) => typeof says === 'function')) return empty;
    return chainHead(this.redis, this.keys, run);
  }

  private async registerLine({ stamp, says }: Stamped, head: Head): Promise<{ at: Head; built: Built }> {
    const at = this.memory.headOf(registerChain) ?? empty;
    return { at, built: await this.build([{ stamp, says: await said(says, head) }], at) };
  }

  private send(
    run: string,
    { at, built, register }: { at: Head; built: Built; register: Registered | undefined },
    { script, keys, rest }: ChainCommand,
  ): Promise<Reply> {
    const all = [this.keys.custody(run), this.keys.head(run), this.keys.run(run), ...keys];
    const args = [at.seq, at.hash, built.head.hash, this.keys.changes(run), built.lines.length, ...built.lines, ...rest];
    if (register === undefined) return runScript(this.redis, script, all, args);
    const registerKeys = [this.keys.registering, this.keys.custody(registerChain), this.keys.head(registerChain)];
    const registerArgs = [register.turn, register.at.seq, register.at.hash, register.built.head.hash, ...register.built.lines];
    return runScript(this.redis, script, [...all, ...registerKeys], [...args, ...registerArgs]);
  }

  private async build(stamped: readonly Stamped[], at: Head): Promise<Built> {
    let head = at;
    const lines: string[] = [];
    for (const { stamp, says } of stamped) {
      const { entry, line } = signedLine({ ...stamp, ...(await said(says, head)), seq: head.seq, prev: head.hash }, this.signer);
      this.memory.signed(line, entry);
      lines.push(line);
      head = { seq: head.seq + 1, hash: entry.hash };
    }
    return { lines, head };
  }
}

async function said(says: Stamped['says'], head: Head): Promise<ReturnType<typeof bodyOf>> {
  return typeof says === 'function' ? bodyOf(await says(head)) : says;
}
