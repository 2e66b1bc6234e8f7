import { TriageError } from '../domain/error.js';
import type { EvidencePort, NodeSession, StoredEvidence } from '../ports.js';
import { tarOfNames } from './listed-names.js';
import { checkExit, nameList, nodeCommand, whileRunning, withoutDot } from './node-command.js';
import { checkEntered, insideTree } from './safe-tree.js';
import { readTar, type TarEntry } from './tar-reader.js';

const tarArgv = ['tar', '--format=gnu', '--hard-dereference', ...tarOfNames];

/** A file to move, with the hash that the node took before. */
export interface FileToMove {
  readonly path: Buffer;
  readonly sha256: string;
  readonly size: number;
}

/** What became of one file: stored, or stored under another hash than the node's as it changed meanwhile, or refused. */
export type Moved =
  | { readonly outcome: 'stored'; readonly evidence: StoredEvidence }
  | { readonly outcome: 'differs' }
  | { readonly outcome: 'not-a-file' };

/** Where one group of files is read, and where it goes. */
export interface Transfer {
  readonly session: NodeSession;
  readonly evidence: EvidencePort;
  readonly root: string;
  /** When false, a file whose content is not the one that the node hashed is kept all the same, and is `stored` under the hash it has. */
  readonly strict: boolean;
}

/**
 * Moves files as one tar stream into the evidence store. Each is hashed while it is parsed and compared with the node's hash: tar
 * pads a file that shrinks with zeros, and only the hash tells. Nothing is ever written under a name from the archive.
 * @returns what became of each path (latin1 of the raw bytes) that the archive held
 */
export async function moveFiles(transfer: Transfer, files: readonly FileToMove[], signal: AbortSignal): Promise<Map<string, Moved>> {
  const { session, root } = transfer;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const command = nodeCommand('move-files', insideTree(root, tarArgv), {
    stdin: nameList(files.map(({ path }) => path)),
    timeoutMs: 60 * 60_000,
    // Files can grow; what is far above the plan is an endless stream.
    maxBytes: bytes * 2 + files.length * 20_000 + 1024 * 1024,
  });
  const running = await session.start(command, signal);
  const moved = new Map<string, Moved>();
  const { outcome, truncated } = await whileRunning(running, takeAll(transfer, running.stdout, files, moved, signal));
  checkEntered(outcome, root, session.node.name);
  if (truncated !== undefined) throw truncated;
  // 1: a file changed while it was read, which the hash shows. 2: a file vanished; it is missing from the answer.
  checkExit(command, session.node.name, outcome, [0, 1, 2]);
  return moved;
}

async function takeAll(
  transfer: Transfer,
  stdout: AsyncIterable<Uint8Array>,
  files: readonly FileToMove[],
  moved: Map<string, Moved>,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Map(files.map((file) => [file.path.toString('latin1'), file]));
  for await (const entry of readTar(stdout)) {
    const key = withoutDot(entry.name).toString('latin1');
    const file = wanted.get(key);
    // tar never sends what was not asked for; whatever does is not our tar.
    if (file === undefined) throw new TriageError('command-failed', 'move-files: the archive holds a file that was not asked for');
    moved.set(key, await takeOne(transfer, entry, file, signal));
  }
}

async function takeOne(transfer: Transfer, entry: TarEntry, file: FileToMove, signal: AbortSignal): Promise<Moved> {
  if (entry.type !== 'file') return { outcome: 'not-a-file' };
  try {
    const evidence = await transfer.evidence.put(entry.body, signal, transfer.strict ? { sha256: file.sha256, size: entry.size } : {});
    return { outcome: 'stored', evidence };
  } catch (error) {
    if (error instanceof TriageError && error.code === 'digest-mismatch') return { outcome: 'differs' };
    throw error;
  }
}
