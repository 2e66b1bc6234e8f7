import { type CustodyAct, type CustodyEntry, custodyEntrySchema, type KnownLines, registerChain } from '../playbooks/domain/custody.js';
import { custodyDetails } from '../playbooks/domain/custody-details.js';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import type { TrustedKeys } from './public-keys.js';
import { readSigned } from './signed-entry.js';
import type { KeyRole } from './signing-key.js';

const roles: Partial<Record<CustodyAct, KeyRole>> = {
  'run.opened': 'api',
  'run.reported': 'worker',
  'key.made': 'api',
  'key.rotated': 'api',
  'key.revoked': 'api',
};
/** So many entries that were not believed are looked at again. */
const maxBad = 1_000;

/** Up to which entry the chain of a run went when it was sealed. */
export interface Sealed {
  readonly seq: number;
  readonly head: string;
}

/** Which runs were opened, which have ended, and whose evidence was destroyed, by the entries of the register that are signed by who may. */
export class RegisterEntries {
  readonly opened = new Set<string>();
  readonly reported = new Map<string, Sealed>();
  private readonly destroyed = new Set<string>();
  private bad: { readonly seq: number; readonly line: string }[] = [];
  private isWhole = true;
  private last: string | undefined = '';

  /** @param known lines whose hash and signature need no check */
  constructor(private readonly known?: KnownLines) {}

  /** The hash of the newest entry; undefined where it is none. */
  get head(): string | undefined {
    return this.last;
  }

  /** Whether every entry is believed, and stands on the one before it: an entry that was never in the chain could else take another one's place. */
  get holds(): boolean {
    return this.isWhole && this.bad.length === 0;
  }

  /** The runs whose evidence nobody has destroyed, and of those that are sealed, where. */
  standing(): ReadonlyMap<string, Sealed | undefined> {
    const { destroyed, reported } = this;
    return new Map([...this.opened].filter((run) => !destroyed.has(run)).map((run) => [run, reported.get(run)]));
  }

  /** Takes the next entry; says why it counts for nothing, or does not stand where it should. */
  async add(seq: number, line: string, trusted: TrustedKeys): Promise<TriageError | undefined> {
    const entry = this.parsed(line);
    const { prev, hash } = entry ?? {};
    const follows = prev !== undefined && prev === this.last;
    this.last = hash;
    this.isWhole &&= follows;
    const problem = await this.believe(seq, line, entry, trusted);
    if (problem !== undefined || follows) return problem;
    return new TriageError('custody-broken', `entry ${seq} of the register of runs does not follow the one before it`);
  }

  /** Looks again at the entries that were not believed: a key may have been enrolled since. */
  async again(trusted: TrustedKeys): Promise<void> {
    const { bad } = this;
    this.bad = [];
    for (const { seq, line } of bad) await this.believe(seq, line, this.parsed(line), trusted);
  }

  private async believe(seq: number, line: string, entry: CustodyEntry | undefined, trusted: TrustedKeys): Promise<TriageError | undefined> {
    const { act, subject = '' } = entry ?? {};
    try {
      const expected = { run: registerChain, seq, act: act ?? 'run.opened', ...(subject === '' ? {} : { subject }) } as const;
      this.take(await readSigned(line, expected, (kid) => trusted(kid, roles[expected.act]), this.known));
    } catch (error) {
      if (!(error instanceof TriageError && error.code === 'custody-broken')) throw error;
      if (this.bad.length < maxBad) this.bad.push({ seq, line });
      else this.isWhole = false;
      return error;
    }
    return undefined;
  }

  private parsed(line: string): CustodyEntry | undefined {
    return this.known?.entryOf(line) ?? custodyEntrySchema.safeParse(parseJson(line)).data;
  }

  private take({ act, subject = '', seq, detail }: CustodyEntry): void {
    if (act === 'run.opened') this.opened.add(subject);
    if (act === 'evidence.destroyed') this.destroyed.add(subject);
    if (act !== 'run.reported') return;
    const sealed = custodyDetails['run.reported'].safeParse(detail).data;
    if (sealed === undefined) throw new TriageError('custody-broken', `entry ${seq} of the register of runs does not say where its run has ended`);
    this.reported.set(subject, { seq: sealed.seq, head: sealed.head });
  }
}
