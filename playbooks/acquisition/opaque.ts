import type { NodeSession } from '../ports.js';
import { tarOfNames } from './listed-names.js';
import { checkExit, nameList, nodeCommand, roomFor, whileRunning, withoutDot } from './node-command.js';
import { checkEntered, insideTree } from './safe-tree.js';
import { readTar } from './tar-reader.js';

/** Overlay marks of directories, by path as latin1 of the raw bytes. */
export interface DirectoryMarks {
  readonly opaque: Set<string>;
  readonly redirected: Set<string>;
}

/**
 * Finds opaque and redirected directories. No tool of a bare node prints extended attributes but tar, which puts them into the pax
 * headers of the directories' entries. `user.overlay.*` counts only where the mount says `userxattr`: a container can forge it.
 */
export async function directoryMarks(
  session: NodeSession,
  root: string,
  directories: readonly Uint8Array[],
  userxattr: boolean,
  signal: AbortSignal,
): Promise<DirectoryMarks> {
  const marks: DirectoryMarks = { opaque: new Set(), redirected: new Set() };
  if (directories.length === 0) return marks;
  const prefix = userxattr ? 'user.overlay' : 'trusted.overlay';
  const argv = ['tar', '--format=pax', '--xattrs', `--xattrs-include=${prefix}.*`, ...tarOfNames];
  const command = nodeCommand('directory-marks', insideTree(root, argv), {
    stdin: nameList(directories),
    maxBytes: roomFor([...directories, ...directories], 4_096),
  });
  const running = await session.start(command, signal);
  const { outcome, truncated } = await whileRunning(running, readMarks(running.stdout, prefix, marks));
  checkEntered(outcome, root, session.node.name);
  // 1: a directory changed while it was read; its attributes were taken all the same. 2: one vanished.
  checkExit(command, session.node.name, outcome, [0, 1, 2]);
  if (truncated !== undefined) throw truncated;
  return marks;
}

async function readMarks(stdout: AsyncIterable<Uint8Array>, prefix: string, marks: DirectoryMarks): Promise<void> {
  for await (const entry of readTar(stdout)) {
    const path = withoutDot(trimSlash(entry.name)).toString('latin1');
    if (entry.xattrs.get(`${prefix}.opaque`)?.toString('latin1') === 'y') marks.opaque.add(path);
    if (entry.xattrs.has(`${prefix}.redirect`)) marks.redirected.add(path);
  }
}

function trimSlash(name: Buffer): Buffer {
  return name.at(-1) === 0x2f ? name.subarray(0, -1) : name;
}
