import { TriageError } from '../../domain/error.js';
import type { NodeSession } from '../../ports.js';
import { askAboutNames, maxNameBytes } from '../node/listed-names.js';
import { byBestReading, readingOf } from '../node/safe-tree.js';
import { walkTree } from '../node/walk-tree.js';
import { LeasedFiles } from './leased-files.js';
import { hashLong, isReachable, maxLongPaths, moveLong } from './long-paths.js';
import { hashNames, patienceMs } from './node-hash.js';
import { allStored, type MovePlace, moveNames, type Staged, type Storing, staging, storing, type Taker } from './transfer.js';
import { type Destination, type FileToHash, type FileToMove, type Hashed, keyOf, type Moved, type TreeReader } from './tree-reader.js';
import { type Proof, prove, standingOf } from './two-walks.js';

/** What a tree of the node is read by. */
export interface NodeTreeOptions {
  readonly session: NodeSession;
  /** A directory of the node, never one that goes through /proc/PID/root. */
  readonly root: string;
  /** How many entries a walk takes that proves where a file was read. */
  readonly most: number;
  readonly patienceMs?: number;
}

/** Reads a directory tree of the node by the names in it, safely; see {@link byBestReading}. */
export function nodeTree(options: NodeTreeOptions): TreeReader {
  const { session, root } = options;
  const leased = new LeasedFiles();
  return {
    name: root,
    walk: (most, signal) => walkTree(session, root, most, signal),
    hash: (files, signal) =>
      byBestReading(session, (reading) => {
        const place = { session, root, reading, patienceMs: options.patienceMs };
        return reading === 'nosymfollow' ? hashAll(place, files, signal) : hashProven(options, place, files, signal);
      }),
    move: (files, to, signal) =>
      byBestReading(session, async (reading) => {
        const place = { session, root, reading, leased: to.strict ? leased : undefined };
        if (reading !== 'nosymfollow') return moveProven(options, place, files, to, signal);
        const moved = await moveAll(place, files, storing(to, signal), signal);
        to.arrived?.();
        return allStored(moved);
      }),
    heads: (paths, bytes, signal) => headsOf(session, root, paths, bytes, signal),
  };
}

type HashPlace = Parameters<typeof hashNames>[0];

async function hashAll(place: HashPlace, files: readonly FileToHash[], signal: AbortSignal): Promise<Map<string, Hashed>> {
  const { short, long, beyond } = byLength(files);
  const answers = [await hashNames(place, short, signal), await hashLong(place, long, signal)];
  const refused = beyond.map((file) => [keyOf(file), { outcome: 'path-too-long' }] as const);
  return new Map([...answers.flatMap((answer) => [...answer]), ...refused]);
}

async function hashProven(
  options: NodeTreeOptions,
  place: HashPlace,
  files: readonly FileToHash[],
  signal: AbortSignal,
): Promise<Map<string, Hashed>> {
  const proven = await between(options, files, () => hashAll(place, files, signal), signal);
  const answers = files.map((file) => [keyOf(file), judged(proven.answer.get(keyOf(file)), proven.prove(keyOf(file)))] as const);
  return new Map(answers.filter((each): each is [string, Hashed] => each[1] !== undefined));
}

/** sha256sum follows a symlink that takes the place of a file, so that the file must be the same as well. */
function judged(hashed: Hashed | undefined, proof: Proof): Hashed | undefined {
  if (hashed?.outcome === 'path-too-long') return hashed;
  if (proof === 'way-changed') return { outcome: 'path-race' };
  return hashed?.outcome === 'hashed' && proof === 'file-changed' ? { outcome: 'unsure' } : hashed;
}

interface TreePlace extends MovePlace {
  /** Absent at the last try, when what comes counts whatever its hash is. */
  readonly leased: LeasedFiles | undefined;
}

async function moveAll<T extends Staged | Storing>(
  place: TreePlace,
  files: readonly FileToMove[],
  take: Taker<T>,
  signal: AbortSignal,
): Promise<Map<string, T | { readonly outcome: 'cut' | 'differs' | 'path-too-long' }>> {
  const { short, long, beyond } = byLength(files);
  const named = await moveNames(place, short, take, signal);
  const moved = new Map<string, T | { readonly outcome: 'cut' | 'differs' | 'path-too-long' }>(named.moved);
  for (const file of named.leased ? hashedMissing(short, moved) : []) {
    const answer = await place.leased?.move(place, file, take, signal);
    if (answer !== undefined) moved.set(keyOf(file), answer);
  }
  for (const file of long) {
    const answer = await moveLong(place, file, take, signal);
    if (answer !== undefined) moved.set(keyOf(file), answer);
  }
  for (const file of beyond) moved.set(keyOf(file), { outcome: 'path-too-long' });
  return moved;
}

function hashedMissing(files: readonly FileToMove[], moved: ReadonlyMap<string, unknown>): (FileToMove & { readonly sha256: string })[] {
  return files.flatMap((file) => (file.sha256 === undefined || moved.has(keyOf(file)) ? [] : [{ ...file, sha256: file.sha256 }]));
}

/** tar follows no symlink in place of the file itself; what leads to the file must be the same before and after. */
async function moveProven(
  options: NodeTreeOptions,
  place: TreePlace,
  files: readonly FileToMove[],
  to: Destination,
  signal: AbortSignal,
): Promise<Map<string, Moved>> {
  const apart = new Apart();
  try {
    const proven = await between(options, files, () => moveAll(place, files, apart.keeping(staging(to, signal)), signal), signal);
    to.arrived?.();
    const settled = [...proven.answer].map(async ([key, answer]): Promise<[string, Moved]> => {
      if (answer.outcome !== 'staged') return [key, answer];
      return [key, await apart.settle(answer.evidence, proven.prove(key) !== 'way-changed')];
    });
    return new Map(await Promise.all(settled));
  } finally {
    await apart.discard();
  }
}

type StagedEvidence = Extract<Staged, { outcome: 'staged' }>['evidence'];

/** What came and is not evidence yet. */
class Apart {
  private readonly open = new Set<StagedEvidence>();

  keeping(take: Taker<Staged>): Taker<Staged> {
    return async (entry, file) => {
      const staged = await take(entry, file);
      if (staged.outcome === 'staged') this.open.add(staged.evidence);
      return staged;
    };
  }

  async settle(staged: StagedEvidence, isProven: boolean): Promise<Moved> {
    if (!isProven) return { outcome: 'path-race' };
    this.open.delete(staged);
    return { outcome: 'stored', evidence: await staged.keep() };
  }

  async discard(): Promise<void> {
    for (const staged of this.open) await staged.discard();
  }
}

/** Reads between two walks. */
async function between<T>(
  { session, root, most }: NodeTreeOptions,
  files: readonly { readonly path: Uint8Array }[],
  read: () => Promise<T>,
  signal: AbortSignal,
): Promise<{ answer: T; prove: (key: string) => Proof }> {
  const keys = files.map(keyOf);
  const before = await standingOf(session, root, keys, most, signal);
  const answer = await read();
  const after = await standingOf(session, root, keys, most, signal);
  return { answer, prove: (key) => prove(key, before, after) };
}

/** All files have so many bytes, so the answer is their heads in a row if it is as long as that; else nothing can be told of any. */
async function headsOf(
  session: NodeSession,
  root: string,
  paths: readonly Uint8Array[],
  bytes: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  // Between two walks a name could have led to another file.
  if (paths.length === 0 || readingOf(session) !== 'nosymfollow') return new Map();
  const tool = ['timeout', '-k', '5', String(Math.ceil(patienceMs(paths.length) / 1_000)), 'head', '-q', '-c', String(bytes), '--'];
  const total = paths.length * bytes;
  const heads = await askAboutNames(session, 'read-heads', root, tool, paths, { maxBytes: total + 4_096 }, signal).catch((error: unknown) => {
    if (error instanceof TriageError && (error.code === 'limit-exceeded' || error.code === 'timeout')) return Buffer.alloc(0);
    throw error;
  });
  if (heads.length !== total) return new Map();
  return new Map(paths.map((path, index) => [keyOf({ path }), heads.subarray(index * bytes, (index + 1) * bytes)]));
}

function byLength<T extends { readonly path: Uint8Array }>(files: readonly T[]): { short: T[]; long: T[]; beyond: T[] } {
  const short = files.filter(({ path }) => path.length <= maxNameBytes);
  const others = files.filter(({ path }) => path.length > maxNameBytes);
  const long = others.filter(({ path }) => isReachable(path)).slice(0, maxLongPaths);
  return { short, long, beyond: others.filter((file) => !long.includes(file)) };
}
