import { TriageError } from '../../domain/error.js';
import type { CommandOutcome, EvidencePort, NodeCommand, NodeSession, StagedEvidence, StoredEvidence } from '../../ports.js';
import { tarOfNames } from '../node/listed-names.js';
import { checkExit, nameList, nodeCommand, whileRunning, withoutDot } from '../node/node-command.js';
import { checkEntered, insideTree, type Reading } from '../node/safe-tree.js';
import { readTar, type TarEntry } from '../tar/tar-reader.js';
import { isLeased } from './leases.js';
import { type Destination, type FileToMove, keyOf, type Moved } from './tree-reader.js';

/** Options of tar that decide what a file looks like in the archive. */
export const tarFormat: readonly string[] = ['tar', '--format=gnu', '--hard-dereference'];

/** What became of one file, while it is open whether it may be kept. */
export type Staged = { readonly outcome: 'staged'; readonly evidence: StagedEvidence } | { readonly outcome: 'differs' | 'not-a-file' | 'cut' };

/** What became of one file, while it is on its way into the store. */
export type Storing = { readonly outcome: 'storing'; readonly evidence: Promise<StoredEvidence> } | { readonly outcome: 'differs' | 'not-a-file' };

/** Where files are read. */
export interface MovePlace {
  readonly session: NodeSession;
  readonly root: string;
  readonly reading: Reading;
}

/** Takes what came of one file. */
export type Taker<T> = (content: Content, file: FileToMove) => Promise<T>;

type Content = Pick<TarEntry, 'type' | 'size' | 'body'>;

/**
 * Moves files as one tar stream. Each is hashed while it is parsed and compared with the node's hash: tar pads a file that shrinks with
 * zeros, and only the hash tells. Nothing is ever written under a name from the archive.
 * @returns what became of each path (latin1 of the raw bytes) that the archive held; of all, if it had to be ended. `leased` when some of the
 * others may be missing as somebody holds a lease on them.
 */
export async function moveNames<T extends Storing | Staged>(
  { session, root, reading }: MovePlace,
  files: readonly FileToMove[],
  take: Taker<T>,
  signal: AbortSignal,
): Promise<{ readonly moved: Map<string, T | { readonly outcome: 'cut' | 'differs' }>; readonly leased: boolean }> {
  if (files.length === 0) return { moved: new Map(), leased: false };
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const command = nodeCommand('move-files', insideTree(root, [...tarFormat, ...tarOfNames], reading), {
    stdin: nameList(files.map(({ path }) => path)),
    timeoutMs: 60 * 60_000,
    // Files can grow; what is far above the plan is an endless stream.
    maxBytes: bytes * 2 + files.length * 20_000 + 1024 * 1024,
  });
  const wanted = new Map(files.map((file) => [keyOf(file), file]));
  const moved = new Map<string, T | { readonly outcome: 'cut' | 'differs' }>();
  const { fared, leased } = await runTar(session, command, root, signal, async (entry) => {
    const key = withoutDot(entry.name).toString('latin1');
    const file = wanted.get(key);
    // tar never sends what was not asked for; whatever does is not our tar.
    if (file === undefined) throw new TriageError('command-failed', 'move-files: the archive holds a file that was not asked for');
    moved.set(key, await take(entry, file));
  });
  if (fared === 'padded') await refuseUnproven(moved, wanted);
  if (fared === 'cut') for (const key of wanted.keys()) if (!moved.has(key)) moved.set(key, { outcome: 'cut' });
  return { moved, leased };
}

/** tar has filled up a file with zeros, and the message may name any of them: what is not what the node has hashed does not count. */
async function refuseUnproven<T extends Storing | Staged>(
  moved: Map<string, T | { readonly outcome: 'cut' | 'differs' }>,
  wanted: ReadonlyMap<string, FileToMove>,
): Promise<void> {
  for (const [key, each] of moved) {
    if (!('evidence' in each)) continue;
    const { sha256 } = await each.evidence;
    if (sha256 !== wanted.get(key)?.sha256) moved.set(key, { outcome: 'differs' });
  }
}

/**
 * Runs a command that prints an archive. `cut`: it was ended as it printed more than it may. `padded`: a file shrank while tar read it.
 * `leased`: tar would have had to wait for a file.
 */
export async function runTar(
  session: NodeSession,
  command: NodeCommand,
  root: string,
  signal: AbortSignal,
  take: (entry: TarEntry) => Promise<void>,
): Promise<{ readonly fared: 'whole' | 'padded' | 'cut'; readonly leased: boolean }> {
  const running = await session.start(command, signal);
  const parsing = (async () => {
    for await (const entry of readTar(running.stdout)) await take(entry);
  })();
  let ended: { outcome: CommandOutcome; truncated?: TriageError };
  try {
    ended = await whileRunning(running, parsing);
  } catch (error) {
    if (error instanceof TriageError && error.code === 'limit-exceeded') return { fared: 'cut', leased: false };
    throw error;
  }
  checkEntered(ended.outcome, root, session.node.name);
  if (ended.truncated !== undefined) throw ended.truncated;
  // 1: a file changed while it was read, which the hash shows. 2: a file vanished; it is missing from the answer.
  checkExit(command, session.node.name, ended.outcome, [0, 1, 2]);
  // More files than the messages have room for: then one that shrank may be among them.
  const { exitCode, stderr } = ended.outcome;
  const mayHaveSaid = (what: string): boolean => exitCode !== 0 && (stderr.includes(what) || stderr.length > 12_000);
  return { fared: mayHaveSaid('padding with zeros') ? 'padded' : 'whole', leased: mayHaveSaid(isLeased) };
}

/** Puts what comes into the store; the next file is read while the last ones are made durable. */
export function storing({ evidence, strict }: Destination, signal: AbortSignal): Taker<Storing> {
  return async (entry, file) => {
    const staged = await stage(evidence, entry, expected(entry, file, strict), signal);
    if (typeof staged === 'string') return { outcome: staged };
    const kept = staged.keep();
    // It is waited for when all files have come; see allStored.
    kept.catch(later);
    return { outcome: 'storing', evidence: kept };
  };
}

function later(): void {
  // Told when its turn has come.
}

/** Waits until everything is in the store. */
export async function allStored(moved: ReadonlyMap<string, Storing | Exclude<Moved, { outcome: 'stored' }>>): Promise<Map<string, Moved>> {
  const settled = new Map<string, Moved>();
  for (const [key, each] of moved) settled.set(key, each.outcome === 'storing' ? { outcome: 'stored', evidence: await each.evidence } : each);
  return settled;
}

/** Keeps what comes apart. */
export function staging({ evidence, strict }: Destination, signal: AbortSignal): Taker<Staged> {
  return async (entry, file) => {
    const staged = await stage(evidence, entry, expected(entry, file, strict), signal);
    return typeof staged === 'string' ? { outcome: staged } : { outcome: 'staged', evidence: staged };
  };
}

function expected({ size }: Content, { sha256 }: FileToMove, strict: boolean): { sha256?: string; size?: number } {
  return strict && sha256 !== undefined ? { sha256, size } : { size };
}

/** Or why it does not count. */
async function stage(
  evidence: EvidencePort,
  { type, body }: Content,
  expected: Parameters<EvidencePort['stage']>[2],
  signal: AbortSignal,
): Promise<StagedEvidence | 'differs' | 'not-a-file'> {
  if (type !== 'file') return 'not-a-file';
  try {
    return await evidence.stage(body, signal, expected);
  } catch (error) {
    if (error instanceof TriageError && error.code === 'digest-mismatch') return 'differs';
    throw error;
  }
}
