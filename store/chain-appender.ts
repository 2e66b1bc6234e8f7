import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type ActOnHead, type CustodyEntry, type Head, registerChain } from '../playbooks/domain/custody.js';
import { chainHead, toldHead } from './chain-head.js';
import type { ChainMemory } from './chain-memory.js';
import { bodyOf, signedLine } from './entry-line.js';
import type { Keys } from './keys.js';
import type { RegisterTurn } from './scripts/chain.js';
import { type Reply, runScript, type Script } from './scripts/script.js';
import type { Signer } from './signing-key.js';

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
export interface Stamped {
  readonly stamp: Pick<CustodyEntry, 'id' | 'at' | 'run' | 'actor' | 'by'>;
  readonly says: ReturnType<typeof bodyOf> | ActOnHead;
}

interface Built {
  readonly lines: readonly string[];
  readonly head: Head;
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

const empty: Head = { seq: 0, hash: '' };

/** Builds and signs entries on the head of a chain, and has a script append them if nobody was first. */
export class ChainAppender {
  /** @param memory the newest heads that this process has seen: what to build upon */
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly signer: Signer,
    private readonly memory: ChainMemory,
  ) {}

  /**
   * Appends acts with whatever the command records in the same breath; when another was first, they are built again on his head.
   * @param registered what the command's line in the register says
   * @returns the script's answer; never `moved`
   */
  async append(run: string, stamped: readonly Stamped[], command: ChainCommand, registered?: Stamped): Promise<Reply> {
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
