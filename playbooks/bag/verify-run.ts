import type { KeyObject } from 'node:crypto';
import { type CustodyEntry, registerChain } from '../domain/custody.js';
import { asTriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import { ChainWalk } from './chain-walk.js';
import { checkChain, checkRequest } from './check-chain.js';
import { checkCheckpoints } from './check-checkpoint.js';
import { checkSigners } from './check-keys.js';
import { checkRegistered, readRegister } from './check-register.js';
import { Findings } from './findings.js';
import { type TextLine, textLines } from './text-lines.js';
import { coverageOf, type Verification } from './verification.js';

/** Keys that a chain is checked with, by `kid`. */
export interface ChainKeys {
  /** As the service gives them. */
  readonly given: ReadonlyMap<string, KeyObject>;
  /** Those that the reader trusts; they go before given ones of the same id. */
  readonly pinned?: ReadonlyMap<string, KeyObject>;
}

/** What the register is called in what is found. */
export const registerFile = 'register';

/** What the chain of a run is called in what is found. */
export function chainFile(run: string): string {
  return `custody of run ${run}`;
}

/** Verifies the chain of a run and what the register says of it, both as the service gives them. Throws what the sources throw. */
export async function verifyRun(
  run: string,
  { chain: bytes, register }: { readonly chain: AsyncIterable<Uint8Array>; readonly register: AsyncIterable<Uint8Array> },
  { given, pinned }: ChainKeys,
): Promise<Verification> {
  const findings = new Findings();
  const keys = new Map([...given, ...(pinned ?? [])]);
  const file = chainFile(run);
  const chain = await checkChain({ lines: textLines(bytes), file, run }, keys, findings);
  checkRequest(chain, file, findings);
  const placed = await checkCheckpoints(chain, file, keys, findings);
  const entries = await readRegister({ lines: about(run, textLines(register)), file: registerFile }, keys, findings);
  checkRegistered(chain, { entries, placed, file: registerFile }, findings);
  const others = new Set([...entries.map(({ by }) => by), ...placed.map(({ checkpoint }) => checkpoint.by)]);
  const signers = checkSigners(chain.walk.signers, { pinned, others, file }, findings);
  return verification(findings, { run, coverage: coverageOf(chain, placed), signers, pinned: pinned !== undefined });
}

/** Verifies a run that the service says it does not have: one that the register knows has vanished. */
export async function verifyVanished(run: string, register: AsyncIterable<Uint8Array>, { given, pinned }: ChainKeys): Promise<Verification> {
  const findings = new Findings();
  const keys = new Map([...given, ...(pinned ?? [])]);
  const entries = await readRegister({ lines: about(run, textLines(register)), file: registerFile }, keys, findings);
  for (const entry of entries) findings.problem('register', { file: registerFile, seq: entry.seq }, vanished(run, entry));
  const result = verification(findings, { run, coverage: {}, signers: [], pinned: pinned !== undefined });
  return entries.length > 0 ? result : { ...result, state: 'not-checkable', notes: [`there is no run ${run}, and the register knows of none`] };
}

/**
 * Verifies the whole register, and that every run that it knows is still there. Runs are opened meanwhile: the service's runs are listed before the
 * register is read, and those that were not among them once more after it.
 * @param runs lists the service's runs, each time anew
 */
export async function verifyRegister(
  register: AsyncIterable<Uint8Array>,
  runs: () => AsyncIterable<string>,
  { given, pinned }: ChainKeys,
): Promise<Verification> {
  const findings = new Findings();
  const there = new Set<string>();
  for await (const run of runs()) there.add(run);
  const walk = new ChainWalk(registerChain, new Map([...given, ...(pinned ?? [])]), findings, registerFile);
  const opened = new Map<string, CustodyEntry>();
  try {
    for await (const line of textLines(register)) {
      const entry = walk.add(line);
      if (entry?.act === 'run.opened' && entry.subject !== undefined) opened.set(entry.subject, entry);
    }
  } catch (error) {
    findings.problem('chain', { file: registerFile, seq: walk.entries }, asTriageError(error).message);
  }
  if (walk.entries === 0) findings.problem('chain', registerFile, 'has no entries');
  findings.checked('register', opened.size);
  for (const run of there) if (!opened.delete(run)) findings.problem('register', registerFile, `does not know run ${run}, which the service has`);
  if (opened.size > 0) for await (const run of runs()) opened.delete(run);
  for (const [run, entry] of opened) findings.problem('register', { file: registerFile, seq: entry.seq }, vanished(run, entry));
  const signers = checkSigners(walk.signers, { pinned, others: new Set(), file: registerFile }, findings);
  const end = walk.entries === 0 ? {} : { end: { seq: walk.entries - 1 } };
  return verification(findings, { coverage: end, signers, pinned: pinned !== undefined });
}

function vanished(run: string, { act, at }: CustodyEntry): string {
  return `says (${act}, ${at}) that there was a run ${run}, which the service does not have any more`;
}

function verification(findings: Findings, rest: Pick<Verification, 'run' | 'coverage' | 'signers' | 'pinned'>): Verification {
  return { state: findings.count() === 0 ? 'holds' : 'broken', checks: findings.checks(), problems: findings.problems(), notes: [], ...rest };
}

async function* about(run: string, lines: AsyncIterable<TextLine>): AsyncGenerator<TextLine> {
  for await (const line of lines) {
    if (!line.text.includes(run)) continue;
    const entry = parseJson(line.text);
    if (typeof entry === 'object' && entry !== null && 'subject' in entry && entry.subject === run) yield line;
  }
}
