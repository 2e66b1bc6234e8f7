import { someMissing } from '../node/listed-names.js';
import { checkExit, nameList, nodeCommand, whileRunning } from '../node/node-command.js';
import { checkEntered, insideTree } from '../node/safe-tree.js';
import { leaseSeconds } from './leases.js';
import type { MovePlace, Taker } from './transfer.js';
import type { FileToMove } from './tree-reader.js';

const MiB = 1024 * 1024;

/** How many of them are moved at a time: each takes a command of its own. */
export const maxLeasedFiles = 20;

/**
 * Moves one file on which somebody holds a lease: tar does not wait until the kernel has broken it, dd does, and the holder has no way to keep
 * a file from one who waits. Whether all came only the node's hash can tell, so that it must be known. Undefined when the file did not come.
 */
export async function moveLeased<T extends { readonly outcome: string }>(
  { session, root, reading }: MovePlace,
  file: FileToMove & { readonly sha256: string },
  take: Taker<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const seconds = leaseSeconds + Math.ceil(file.size / MiB);
  const dd = ['dd', 'if={}', 'bs=64k', `count=${file.size + 1}`, 'iflag=nofollow,count_bytes', 'status=none'];
  const argv = ['xargs', '-0', '-I', '{}', 'timeout', '-k', '1', String(seconds), ...dd];
  const command = nodeCommand('move-leased-file', insideTree(root, argv, reading), {
    stdin: nameList([file.path]),
    timeoutMs: (seconds + 30) * 1_000,
    maxBytes: file.size + MiB,
  });
  const running = await session.start(command, signal);
  let moved: T | undefined;
  const taking = take({ type: 'file', size: file.size, body: running.stdout }, file).then((taken) => void (moved = taken));
  const { outcome } = await whileRunning(running, taking);
  checkEntered(outcome, root, session.node.name);
  checkExit(command, session.node.name, outcome, [0, someMissing]);
  return outcome.exitCode !== 0 && moved?.outcome === 'differs' ? undefined : moved;
}
