import { someMissing } from '../node/listed-names.js';
import { checkExit, nameList, nodeCommand, whileRunning } from '../node/node-command.js';
import { checkEntered, insideTree } from '../node/safe-tree.js';
import { Patience } from './leases.js';
import type { MovePlace, Taker } from './transfer.js';
import type { FileToMove } from './tree-reader.js';

const MiB = 1024 * 1024;

/** dd follows no link, and is told of no FIFO; one that takes the file's place now costs the time that is given. */
const sendOne = `[ ! -h "$3" ] && [ -f "$3" ] || exit 1
timeout -k 1 "$1" dd if="$3" bs=64k count="$2" iflag=nofollow,count_bytes status=none || exit 1`;

/**
 * Moves files of one tree on which somebody holds a lease: tar does not wait until the kernel has broken it, dd does. Whether all came only the
 * node's hash can tell, so that it must be known. Each takes a command of its own, which waits as {@link Patience} allows.
 */
export class LeasedFiles {
  private readonly patience = new Patience();

  /** Undefined when the file did not come. */
  async move<T extends { readonly outcome: string }>(
    { session, root, reading }: MovePlace,
    file: FileToMove & { readonly sha256: string },
    take: Taker<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    if (this.patience.seconds < 1) return undefined;
    const seconds = this.patience.seconds + Math.ceil(file.size / MiB);
    const argv = ['xargs', '-0', 'sh', '-c', sendOne, 'podtriage', String(seconds), String(file.size + 1)];
    const command = nodeCommand('move-leased-file', insideTree(root, argv, reading), {
      stdin: nameList([file.path]),
      timeoutMs: (seconds + 30) * 1_000,
      maxBytes: file.size + MiB,
    });
    const running = await session.start(command, signal);
    let moved: T | undefined;
    const taking = take({ type: 'file', size: file.size, body: running.stdout }, file).then((taken) => void (moved = taken));
    const { outcome } = await whileRunning(running, taking);
    this.patience.spend(outcome.durationMs);
    checkEntered(outcome, root, session.node.name);
    checkExit(command, session.node.name, outcome, [0, someMissing]);
    return outcome.exitCode !== 0 && moved?.outcome === 'differs' ? undefined : moved;
  }
}
