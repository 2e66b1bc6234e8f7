import { randomUUID, sign } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Act, type CustodyEntry, canonical, entryHash } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { JsonObject } from '../playbooks/domain/json.js';
import type { Keys } from './keys.js';
import { append } from './scripts/append.js';
import { type Reply, runScript, type Script } from './scripts/script.js';
import type { Signer } from './signing-key.js';

/** The most entries that one call writes. */
export const maxActsPerCall = 100;

/** A script of the chain family and what it gets besides the chain: KEYS from 4, and the arguments after the lines. */
export interface ChainCommand {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly rest: readonly (string | number)[];
}

type Unsealed = Omit<CustodyEntry, 'seq' | 'prev' | 'hash' | 'sig'>;
interface Head {
  readonly seq: number;
  readonly hash: string;
}

const maxHeads = 10_000;

/** The only writer of custody: builds, hashes and signs entries here, and lets a script append them if nobody was first. */
export class CustodyWriter {
  private readonly heads = new Map<string, Head>();
  private readonly tails = new Map<string, Promise<unknown>>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly signer: Signer,
    /** Who acts, unless an act says otherwise: `worker:<id>` or `api`. */
    private readonly actor: string,
    private readonly clock: () => Date = () => new Date(),
  ) {}

  /**
   * Writes acts with whatever the command records in the same breath. Acts of this process on one run go one after the other,
   * so it never conflicts with itself; when another was first, the entries are built again on his head.
   * @returns the script's answer; never `moved`
   * @throws TriageError `redis-unavailable`, `internal`
   */
  async write(run: string, acts: readonly Act[], command: ChainCommand, actor = this.actor): Promise<Reply> {
    if (acts.length === 0 || acts.length > maxActsPerCall) throw new TriageError('internal', `${acts.length} custody entries in one call`);
    const stamped = acts.map((act) => this.stamp(run, act, actor));
    const turn = (this.tails.get(run) ?? Promise.resolve()).then(() => this.attempt(run, stamped, command));
    const settled = turn.catch(() => undefined);
    this.tails.set(run, settled);
    try {
      return await turn;
    } finally {
      if (this.tails.get(run) === settled) this.tails.delete(run);
    }
  }

  /** Appends acts and nothing else; not fenced, as what was done was done. Throws `not-found` for a run that does not exist. */
  async append(run: string, acts: readonly Act[], actor?: string): Promise<void> {
    const keys = [this.keys.artifacts(run), this.keys.steps(run), this.keys.fences(run)];
    const [what] = await this.write(run, acts, { script: append, keys, rest: ['', '', 0] }, actor);
    if (what === 'gone') throw new TriageError('not-found', `there is no run ${run}`);
  }

  private stamp(run: string, act: Act, actor: string): Unsealed {
    const subject = act.subject === undefined ? {} : { subject: wellFormed(act.subject) };
    const detail = tidy(act.detail);
    return { id: randomUUID(), at: this.clock().toISOString(), run, actor, by: this.signer.kid, act: act.act, ...subject, detail };
  }

  private async attempt(run: string, stamped: readonly Unsealed[], { script, keys, rest }: ChainCommand): Promise<Reply> {
    for (;;) {
      const at = this.heads.get(run) ?? { seq: 0, hash: '' };
      const { lines, hash } = this.build(stamped, at);
      const all = [this.keys.custody(run), this.keys.head(run), this.keys.run(run), ...keys];
      const args = [at.seq, at.hash, hash, this.keys.changes(run), lines.length, ...lines, ...rest];
      const reply = await runScript(this.redis, script, all, args);
      if (reply[0] === 'ok' || reply[0] === 'go' || reply[0] === 'cancelled') this.remember(run, { seq: at.seq + lines.length, hash });
      if (reply[0] !== 'moved') return reply;
      this.remember(run, { seq: Number(reply[1]), hash: String(reply[2]) });
    }
  }

  private build(stamped: readonly Unsealed[], at: Head): { lines: string[]; hash: string } {
    let { seq, hash } = at;
    const lines = stamped.map((act) => {
      const entry = { ...act, seq: seq++, prev: hash };
      hash = entryHash(entry);
      const sig = sign(null, Buffer.from(hash, 'hex'), this.signer.privateKey).toString('base64url');
      return canonical({ ...entry, hash, sig });
    });
    return { lines, hash };
  }

  private remember(run: string, head: Head): void {
    this.heads.delete(run);
    this.heads.set(run, head);
    const [oldest] = this.heads.keys();
    if (this.heads.size > maxHeads && oldest !== undefined) this.heads.delete(oldest);
  }
}

/** Text from outside must not stop the chain: a lone surrogate has no canonical form. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function tidy(detail: JsonObject): Record<string, unknown> {
  const text = JSON.stringify(detail, (_key, value: unknown) => (typeof value === 'string' ? wellFormed(value) : value));
  return JSON.parse(text) as Record<string, unknown>;
}
