import { type CustodyAct, custodyEntrySchema, registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import type { TrustedKeys } from './public-keys.js';
import { readSigned } from './signed-entry.js';
import type { KeyRole } from './signing-key.js';

const roles: Partial<Record<CustodyAct, KeyRole>> = { 'run.opened': 'api', 'run.reported': 'worker' };
/** So many entries that were not believed are looked at again. */
const maxBad = 1_000;

/** Which runs were opened and which have ended, by the entries of the register that are signed by who may. */
export class RegisterEntries {
  readonly opened = new Set<string>();
  readonly reported = new Set<string>();
  private bad: { readonly seq: number; readonly line: string }[] = [];

  /** Takes the next entry; says why it counts for nothing. */
  async add(seq: number, line: string, trusted: TrustedKeys): Promise<TriageError | undefined> {
    const { act, subject = '' } = custodyEntrySchema.safeParse(parseJson(line)).data ?? {};
    try {
      const expected = { run: registerChain, seq, act: act ?? 'run.opened', ...(subject === '' ? {} : { subject }) } as const;
      await readSigned(line, expected, (kid) => trusted(kid, roles[expected.act]));
    } catch (error) {
      if (!(error instanceof TriageError && error.code === 'custody-broken')) throw error;
      if (this.bad.length < maxBad) this.bad.push({ seq, line });
      return error;
    }
    if (act === 'run.opened') this.opened.add(subject);
    if (act === 'run.reported') this.reported.add(subject);
    return undefined;
  }

  /** Looks again at the entries that were not believed: a key may have been enrolled since. */
  async again(trusted: TrustedKeys): Promise<void> {
    const { bad } = this;
    this.bad = [];
    for (const { seq, line } of bad) await this.add(seq, line, trusted);
  }
}
