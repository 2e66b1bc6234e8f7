import type { KeyObject } from 'node:crypto';
import { asTriageError } from '../domain/error.js';
import type { SignedBy } from './chain-walk.js';
import type { Findings } from './findings.js';
import { readKeySet } from './key-set.js';
import { payloadFiles } from './layout.js';
import type { BagEntry, BagReader } from './reader.js';
import { wholeText } from './text-lines.js';

/** Who has signed, and whether the reader of the bag trusts that key. */
export interface Signer {
  readonly kid: string;
  /** Entries of the chain. */
  readonly entries: number;
  /** Whether it is one of the keys that were pinned. */
  readonly pinned: boolean;
}

/** The keys of a bag, and those that are pinned: of two with one id the pinned one is taken. */
export async function bagKeys(
  bag: BagReader,
  files: ReadonlyMap<string, BagEntry>,
  pinned: ReadonlyMap<string, KeyObject>,
  findings: Findings,
): Promise<{ own: ReadonlyMap<string, KeyObject>; all: ReadonlyMap<string, KeyObject> }> {
  const path = payloadFiles.keys;
  if (!files.has(path)) return { own: new Map(), all: pinned };
  try {
    const { keys: own, problems } = readKeySet(await wholeText(bag.read(path), 4 * 1024 * 1024));
    findings.checked('keys', own.size);
    for (const problem of problems) findings.problem('keys', path, problem);
    return { own, all: new Map([...own, ...pinned]) };
  } catch (error) {
    findings.problem('keys', path, asTriageError(error).message);
    return { own: new Map(), all: pinned };
  }
}

/** The bag must have every key that signed something in it: who reads it may have no other. */
export function checkKeysUsed(own: ReadonlyMap<string, KeyObject>, used: ReadonlySet<string>, findings: Findings): void {
  for (const kid of used) if (!own.has(kid)) findings.problem('keys', payloadFiles.keys, `lacks the key ${kid}, which has signed something here`);
}

/** Says of all keys that signed entries whether they are pinned. With keys pinned, all of them must be. */
export function checkSigners(
  signed: ReadonlyMap<string, SignedBy>,
  { pinned, others, file }: { pinned: ReadonlyMap<string, KeyObject> | undefined; others: ReadonlySet<string>; file: string },
  findings: Findings,
): Signer[] {
  const signers = new Map([...signed].map(([kid, { entries }]) => [kid, entries]));
  for (const kid of others) if (!signers.has(kid)) signers.set(kid, 0);
  if (pinned !== undefined) {
    for (const [kid, { entries, first }] of signed)
      if (!pinned.has(kid))
        findings.problem(
          'keys',
          { file, seq: first },
          `and ${entries - 1} more are signed by the key ${kid}, which is not one of those that you trust`,
        );
    for (const kid of others)
      if (!signed.has(kid) && !pinned.has(kid))
        findings.problem('keys', file, `a checkpoint or the register is signed by the key ${kid}, which is not one of those that you trust`);
  }
  return [...signers].map(([kid, entries]) => ({ kid, entries, pinned: pinned?.has(kid) === true })).sort((a, b) => b.entries - a.entries);
}
