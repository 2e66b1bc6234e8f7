import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { sha256Schema } from '../domain/artifact.js';
import { type CustodyEntry, checkEntry, custodyEntrySchema, registerChain } from '../domain/custody.js';
import { asTriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import type { WalkedChain } from './check-chain.js';
import type { PlacedCheckpoint } from './check-checkpoint.js';
import type { Findings } from './findings.js';
import type { TextLine } from './text-lines.js';

const openedSchema = z.object({ run: z.string(), head: sha256Schema });
const standSchema = openedSchema.extend({ seq: z.int().nonnegative() });

/** The register's entries about a run: single entries of a chain, each good by itself. */
export interface RegisterLines {
  readonly lines: AsyncIterable<TextLine>;
  readonly file: string;
}

/**
 * Reads entries of the register and checks each by itself: hash, signature, order.
 * @param bagged the last entry of the register when the bag was made
 */
export async function readRegister(
  { lines, file }: RegisterLines,
  keys: ReadonlyMap<string, KeyObject>,
  findings: Findings,
  bagged?: { readonly seq: number; readonly hash: string },
): Promise<CustodyEntry[]> {
  const entries: CustodyEntry[] = [];
  let at = 0;
  try {
    for await (const line of lines) {
      findings.checked('register');
      const entry = line.fault ?? registerEntry(line.text, keys);
      const fault = typeof entry === 'string' ? entry : orderFault(entry, entries.at(-1), bagged);
      if (fault !== undefined) findings.problem('register', { file, seq: typeof entry === 'string' ? at : entry.seq }, fault);
      if (typeof entry !== 'string') entries.push(entry);
      at += 1;
    }
  } catch (error) {
    findings.problem('register', file, asTriageError(error).message);
  }
  return entries;
}

function registerEntry(line: string, keys: ReadonlyMap<string, KeyObject>): CustodyEntry | string {
  const { seq = 0, prev = '' } = custodyEntrySchema.safeParse(parseJson(line)).data ?? {};
  return checkEntry(registerChain, line, { seq, prev, ids: new Set() }, keys);
}

function orderFault(entry: CustodyEntry, before: CustodyEntry | undefined, bagged: { seq: number; hash: string } | undefined): string | undefined {
  if (before !== undefined && entry.seq <= before.seq) return `stands after entry ${before.seq}`;
  if (before?.seq === entry.seq - 1 && before.hash !== entry.prev) return 'does not follow the entry before it';
  if (bagged === undefined) return undefined;
  if (entry.seq > bagged.seq) return `is later than the end of the register that the checkpoint names (${bagged.seq})`;
  return entry.seq === bagged.seq && entry.hash !== bagged.hash ? 'is not the entry that the checkpoint names as the end of the register' : undefined;
}

/** Checks that the register tells of this run what its chain says: opened with its entry 0, reported with the checkpoint that sealed it. */
export function checkRegistered(
  chain: WalkedChain,
  { entries, placed, file }: { entries: readonly CustodyEntry[]; placed: readonly PlacedCheckpoint[]; file: string },
  findings: Findings,
): void {
  const problem = (what: string, seq?: number): void => findings.problem('register', seq === undefined ? file : { file, seq }, what);
  for (const { seq, subject, detail } of entries)
    if (subject !== chain.run) problem(subject === undefined ? 'is about no run' : `is about run ${subject}`, seq);
    else if (detail['run'] !== chain.run) problem('names another run in its detail', seq);
  const opened = entries.filter(({ act }) => act === 'run.opened');
  if (opened.length !== 1) problem(opened.length === 0 ? 'does not say that the run was opened' : 'says more than once that the run was opened');
  for (const { seq, detail } of opened)
    if (openedSchema.safeParse(detail).data?.head !== chain.walk.hashAt(0)) problem('names another first entry than the chain has', seq);
  for (const entry of entries) if (entry.act === 'run.reported' || entry.act === 'evidence.destroyed') checkStand(entry, chain, problem);
  checkSealed(entries, placed, problem);
}

function checkStand({ seq, act, detail }: CustodyEntry, { walk }: WalkedChain, problem: (what: string, seq: number) => void): void {
  const stand = standSchema.safeParse(detail).data;
  if (stand === undefined || walk.hashAt(stand.seq) !== stand.head)
    problem(`says (${act}) that the chain had entry ${stand?.seq ?? '?'} with another hash: the chain has been cut or made anew since`, seq);
}

/** A run is sealed by a checkpoint that is of no export; exactly then it is in the register as reported. */
function checkSealed(entries: readonly CustodyEntry[], placed: readonly PlacedCheckpoint[], problem: (what: string) => void): void {
  const sealed = placed.find(({ checkpoint }) => checkpoint.contents === undefined);
  const reported = entries.filter(({ act }) => act === 'run.reported');
  if (reported.length > 1) problem('says more than once that the run was reported');
  if (sealed === undefined || reported.length === 0) {
    if (sealed !== undefined) problem(`does not say that the run was reported, although entry ${sealed.seq} of its chain seals it`);
    return;
  }
  if (reported.every(({ detail }) => standSchema.safeParse(detail).data?.seq !== sealed.seq))
    problem(`names another entry than ${sealed.seq}, which seals the run`);
}
