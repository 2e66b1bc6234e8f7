import { TriageError } from '../../domain/error.js';
import type { CommandOutcome, NodeSession, RunningCommand } from '../../ports.js';
import { type TreeEntry, treeEntries, walkArgv } from './find-records.js';
import { checkExit, nodeCommand, whileRunning } from './node-command.js';
import { byBestReading, checkEntered, type Reading, walkingTree } from './safe-tree.js';

/** Bytes of listing that one entry can take: a path of 4 KiB, a link target of 4 KiB, and the numbers. */
export const bytesPerEntry = 9_000;

/** A directory tree as far as it was walked. */
export interface Walk {
  readonly entries: readonly TreeEntry[];
  /** False when there are more entries than were asked for: a suspect can make millions. */
  readonly complete: boolean;
  /** What find complained of, safe to print: a directory that was swapped while it went by could not be entered, and what lies in it is missing. */
  readonly problem?: string;
}

/** find could not enter or read some of it (find(1), EXIT STATUS). */
const someFailed = 1;

/** Walks one directory tree of the node safely, up to `most` entries. Throws what {@link checkEntered} and find's own failure mean. */
export function walkTree(session: NodeSession, root: string, most: number, signal: AbortSignal): Promise<Walk> {
  // find enters each directory by its own handle: the walk itself is safe either way.
  return byBestReading(session, (reading) => walkOnce(session, root, reading, most, signal));
}

function walkOnce(session: NodeSession, root: string, reading: Reading, most: number, signal: AbortSignal): Promise<Walk> {
  const check = (outcome: CommandOutcome): void => checkEntered(outcome, root, session.node.name);
  return walkBy(session, walkingTree(root, walkArgv, reading), check, most, signal);
}

/** Walks by an argv that ends in {@link walkArgv}; `check` throws what its exit status means before find's own is looked at. */
export async function walkBy(
  session: NodeSession,
  argv: readonly string[],
  check: (outcome: CommandOutcome) => void,
  most: number,
  signal: AbortSignal,
): Promise<Walk> {
  const enough = new AbortController();
  const command = nodeCommand('walk-tree', argv, { maxBytes: (most + 1) * bytesPerEntry });
  const running = await session.start(command, AbortSignal.any([signal, enough.signal]));
  const entries: TreeEntry[] = [];
  const outcome = await outcomeOf(running, take(running, entries, most, enough), enough);
  if (outcome === undefined) return { entries, complete: false };
  check(outcome);
  checkExit(command, session.node.name, outcome, [0, someFailed]);
  return { entries, complete: true, ...(outcome.exitCode === someFailed ? { problem: outcome.stderr.trim().slice(0, 500) } : {}) };
}

async function take(running: RunningCommand, entries: TreeEntry[], most: number, enough: AbortController): Promise<void> {
  for await (const entry of treeEntries(running.stdout)) {
    if (entries.length === most) {
      enough.abort(new TriageError('limit-exceeded', `the tree has more than ${most} entries`));
      return;
    }
    entries.push(entry);
  }
}

/** Undefined when we ended the walk ourselves. */
async function outcomeOf(running: RunningCommand, taking: Promise<void>, enough: AbortController): Promise<CommandOutcome | undefined> {
  try {
    const { outcome, truncated } = await whileRunning(running, taking);
    if (enough.signal.aborted) return undefined;
    // An exit status that says more than a listing that was cut is told by the caller.
    if (truncated !== undefined && outcome.exitCode === 0) throw truncated;
    return outcome;
  } catch (error) {
    if (enough.signal.aborted) return undefined;
    throw error;
  }
}
