import { TriageError } from '../../domain/error.js';
import type { NodeSession } from '../../ports.js';
import { parseEntry, type TreeEntry } from '../node/find-records.js';
import { nodeCommand, nulRecords, whileRunning } from '../node/node-command.js';
import { bytesPerEntry, type Walk } from '../node/walk-tree.js';

/**
 * Runs argvs one after the other, each given as the number of its words and the words, and says by `:STATUS` how each has ended: no record of find
 * begins so. After one that was killed it stops, as the last record may have no end.
 */
const inTurn = `
while [ $# -gt 0 ]; do
  words= at=1
  while [ "$at" -le "$1" ]; do at=$((at + 1)); words="$words \\"\\\${$at}\\""; done
  eval "$words"
  said=$?
  [ "$said" -lt 124 ] || exit "$said"
  printf ':%s\\0' "$said"
  shift "$at"
done
`;

const colon = 0x3a;

/** Trees that take longer are walked one by one. */
const patienceMs = 60_000;

/** More would not fit into a command line (remote-line.ts), and are walked one by one. */
const mostTrees = 64;

/**
 * Walks trees by one command, as a command costs the node more than most walks. What does not go well all the way is missing from the answer: it is
 * to be walked by itself, so that no tree stands in the way of another, and what is wrong is told of the one that it is true of.
 * @param walks argvs that end in `walkArgv`
 * @param most entries of all together
 * @returns complete walks by their key
 * @throws what ends the run's own signal
 */
export async function walkTogether<T>(
  session: NodeSession,
  walks: ReadonlyMap<T, readonly string[]>,
  most: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<T, Walk>> {
  const found = new Map<T, Walk>();
  if (walks.size < 2) return found;
  const [keys, argvs] = [[...walks.keys()].slice(0, mostTrees), [...walks.values()].slice(0, mostTrees)];
  const argv = ['sh', '-c', inTurn, 'podtriage', ...argvs.flatMap((words) => [String(words.length), ...words])];
  const command = nodeCommand('walk-trees', argv, { timeoutMs: patienceMs, maxBytes: (most + 1) * bytesPerEntry });
  try {
    const running = await session.start(command, signal);
    await whileRunning(running, take(running.stdout, keys, most, found));
  } catch (error) {
    if (signal.aborted || !(error instanceof TriageError)) throw error;
  }
  return found;
}

async function take<T>(stdout: AsyncIterable<Uint8Array>, keys: readonly T[], most: number, found: Map<T, Walk>): Promise<void> {
  const left = [...keys];
  let total = 0;
  let entries: TreeEntry[] = [];
  let head: Buffer | undefined;
  for await (const record of nulRecords(stdout, 'file listings')) {
    if (head !== undefined) {
      total += 1;
      if (total > most) throw new TriageError('limit-exceeded', `the trees have more than ${most} entries`);
      entries.push(parseEntry(head, record));
      head = undefined;
    } else if (record[0] === colon) {
      const key = left.shift();
      if (key !== undefined && record.toString('latin1') === ':0') found.set(key, { entries, complete: true });
      entries = [];
    } else head = record;
  }
}
