import type { KeyObject } from 'node:crypto';
import { readCheckpoint, type SignedCheckpoint } from '../domain/checkpoint.js';
import { asTriageError } from '../domain/error.js';
import type { CheckpointEntry } from './chain-facts.js';
import type { WalkedChain } from './check-chain.js';
import type { Findings } from './findings.js';
import { contentsOf, type ManifestEntry, payloadFiles, tagFiles } from './layout.js';

/** A checkpoint of the chain and the entry that it stands in. */
export interface PlacedCheckpoint {
  readonly seq: number;
  readonly checkpoint: SignedCheckpoint;
}

/** Reads all checkpoints of a chain and checks that each signs the chain up to where it stands. */
export async function checkCheckpoints(
  { walk, facts, run }: WalkedChain,
  file: string,
  keys: ReadonlyMap<string, KeyObject>,
  findings: Findings,
): Promise<PlacedCheckpoint[]> {
  const placed: PlacedCheckpoint[] = [];
  for (const entry of facts.checkpoints) {
    findings.checked('checkpoint');
    const where = { file, seq: entry.seq };
    try {
      const checkpoint = await readCheckpoint(entry.jws ?? '', keys);
      const fault = faultOf(entry, checkpoint, { run, before: walk.hashAt(entry.seq - 1) });
      if (fault === undefined) placed.push({ seq: entry.seq, checkpoint });
      else findings.problem('checkpoint', where, fault);
    } catch (error) {
      findings.problem('checkpoint', where, asTriageError(error).message);
    }
  }
  return placed;
}

function faultOf(
  entry: CheckpointEntry,
  signed: SignedCheckpoint,
  { run, before }: { run: string | undefined; before: string | undefined },
): string | undefined {
  if (signed.run !== run) return `holds a checkpoint of run ${signed.run}`;
  if (signed.seq !== entry.seq - 1 || signed.hash !== entry.prev)
    return `holds a checkpoint up to entry ${signed.seq}, which is not the entry before it`;
  if (entry.names.seq !== signed.seq || entry.names.hash !== signed.hash) return 'says something else than the checkpoint that it holds';
  return before === undefined || before === signed.hash ? undefined : 'holds a checkpoint of a chain that had another entry before it';
}

/**
 * Checks the end of a bag's chain: its last entry holds the very checkpoint of checkpoint.jws, made for this export.
 * @param jws the text of checkpoint.jws; undefined when the bag has none
 */
export function checkEnd(
  { facts, walk }: WalkedChain,
  placed: readonly PlacedCheckpoint[],
  jws: string | undefined,
  findings: Findings,
): PlacedCheckpoint | undefined {
  const end = facts.checkpoints.at(-1);
  const file = payloadFiles.custody;
  if (end?.jws === undefined || end.seq !== facts.last?.seq || walk.hashAt(walk.entries - 1) !== facts.last.hash) {
    findings.problem(
      'checkpoint',
      { file, seq: Math.max(0, walk.entries - 1) },
      'is the last entry and not the checkpoint of an export: the end of the chain is not covered',
    );
    if (end?.jws === undefined || jws === `${end.jws}\n`) return undefined;
  }
  if (jws !== undefined && jws !== `${end.jws}\n`)
    findings.problem('checkpoint', payloadFiles.checkpoint, 'is not the checkpoint that the last entry of the chain holds');
  const last = placed.find(({ seq }) => seq === end.seq);
  if (last !== undefined && (last.checkpoint.contents === undefined || last.checkpoint.register === undefined)) {
    findings.problem(
      'checkpoint',
      payloadFiles.checkpoint,
      'is of a run that was sealed and not of an export: it does not cover the files of the bag',
    );
    return undefined;
  }
  return last;
}

/** Only runs that have ended are exported, and each of them was sealed: without its seal a chain was cut. */
export function checkIsSealed(placed: readonly PlacedCheckpoint[], findings: Findings): void {
  const unsealed = placed.every(({ checkpoint }) => checkpoint.contents !== undefined);
  if (unsealed && findings.count('chain') + findings.count('checkpoint') === 0)
    findings.problem('checkpoint', payloadFiles.custody, 'has no checkpoint that seals the run: what the run did until its end is not all there');
}

/** Holds the payload against what the export has signed. */
export function checkContents(manifest: readonly ManifestEntry[], { contents }: SignedCheckpoint, findings: Findings): void {
  findings.checked('contents', manifest.length);
  if (contentsOf(manifest) !== contents)
    findings.problem('contents', tagFiles.manifest, 'lists other files, or files of other content, than the checkpoint of this export has signed');
}
