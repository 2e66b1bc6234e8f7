import { TriageError } from '../../domain/error.js';
import type { CommandOutcome, NodeSession } from '../../ports.js';
import { walkArgv } from '../node/find-records.js';
import { checkExit, nodeCommand, whileRunning } from '../node/node-command.js';
import { fromBase64 } from '../node/nul-fields.js';
import { type Walk, walkBy } from '../node/walk-tree.js';
import { Patience } from './leases.js';
import { type FoundFile, foundFiles, type Reading, readArgv, waited } from './process-files.js';
import { checkStanding, deviceNumber, insideMount, type ProcessPlace } from './process-place.js';
import { type Destination, type FileToHash, type FileToMove, type Hashed, keyOf, type Moved, type TreeReader } from './tree-reader.js';

const MiB = 1024 * 1024;

/** Inodes that one find is given: a test each, for each entry of the tree. */
const inodesEach = 250;

/** Entries that are walked to learn the inodes of files that were listed before. */
const mostEntries = 200_000;

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Reads a file system in memory that only a container has mounted. Every command enters it anew and proves where it stands
 * (process-place.ts); from there on find descends, and files are named by their inodes alone (process-files.ts).
 */
export function processTree(session: NodeSession, place: ProcessPlace): TreeReader {
  const tree = new ProcessTree(session, place);
  return {
    name: `${place.mountPoint} (mount ${place.mountId}) of process ${place.pid}`,
    walk: (most, signal) => tree.walk(most, signal),
    hash: (files, signal) => tree.hash(files, signal),
    move: (files, to, signal) => tree.move(files, to, signal),
  };
}

type Take = Parameters<typeof foundFiles>[1];

/** What is done with the files, and how many bytes that may print for one. */
interface How<T> {
  readonly name: string;
  readonly sink: readonly string[];
  readonly bytesOf: (file: T) => number;
}

class ProcessTree {
  /** By path, as latin1 of the raw bytes. */
  private readonly inodes = new Map<string, string>();
  /** Inodes with more than one name. */
  private readonly shared = new Set<string>();
  private readonly device: string;
  private readonly patience = new Patience();

  constructor(
    private readonly session: NodeSession,
    private readonly place: ProcessPlace,
  ) {
    this.device = deviceNumber(place.device);
  }

  async walk(most: number, signal: AbortSignal): Promise<Walk> {
    const check = (outcome: CommandOutcome): void => checkStanding(outcome, this.place, this.session.node.name);
    const walk = await walkBy(this.session, insideMount(this.place, walkArgv), check, most, signal);
    for (const { path, inode, device, links } of walk.entries) {
      if (device !== this.device) continue;
      this.inodes.set(path.toString('latin1'), inode);
      if (links > 1) this.shared.add(inode);
    }
    return walk;
  }

  async hash(files: readonly FileToHash[], signal: AbortSignal): Promise<Map<string, Hashed>> {
    const answers = new Map<string, Hashed>();
    const how = { name: 'hash-files', sink: ['sha256sum'], bytesOf: () => 400 };
    await this.read<FileToHash, Hashed>(how, files, answers, { outcome: 'unsure' }, signal, async (_file, found, content, fared) => {
      let said = '';
      for await (const part of content) said += part.toString('latin1');
      return hashedOf(found, said, await fared());
    });
    return answers;
  }

  async move(files: readonly FileToMove[], to: Destination, signal: AbortSignal): Promise<Map<string, Moved>> {
    const answers = new Map<string, Moved>();
    // base64 takes a third more, and files can grow; what is far above that is an endless stream.
    const how = { name: 'move-files', sink: ['base64', '-w0'], bytesOf: ({ size }: FileToMove) => size * 3 + 20_000 };
    await this.read<FileToMove, Moved>(how, files, answers, { outcome: 'cut' }, signal, (file, found, content, fared) =>
      moveOne(file.sha256, found, fromBase64(content), fared, to, signal),
    );
    return answers;
  }

  /** Reads files into `answers`. Those that something else was put in the way of are `path-race`, those after an endless stream `left`. */
  private async read<T extends FileToHash | FileToMove, A>(
    how: How<T>,
    files: readonly T[],
    answers: Map<string, A | { outcome: 'path-race' }>,
    left: A,
    signal: AbortSignal,
    take: (file: T, ...of: Parameters<Take>) => Promise<A | undefined>,
  ): Promise<void> {
    const open = new Map(files.map((file) => [keyOf(file), file]));
    const takeOpen: Take = async (found, content, fared) => {
      const keys = [...open.keys()].filter((key) => this.inodes.get(key) === found.identity.inode);
      const file = open.get(keys[0] ?? '');
      // Another file system can have the same number, and a file can have got another name.
      if (file === undefined || found.identity.device !== this.device) return drain(content);
      const answer = await take(file, found, content, fared);
      for (const key of keys) {
        if (answer !== undefined) answers.set(key, answer);
        open.delete(key);
      }
    };
    try {
      if (files.some((file) => !this.inodes.has(keyOf(file)))) await this.walk(mostEntries, signal);
      await this.readKnown(how, files, takeOpen, signal);
      if (open.size === 0) return;
      // A file can have been replaced since it was walked past.
      const before = new Map(this.inodes);
      await this.walk(mostEntries, signal);
      const replaced = [...open].filter(([key]) => this.inodes.get(key) !== before.get(key)).map(([, file]) => file);
      await this.readKnown(how, replaced, takeOpen, signal);
    } catch (error) {
      // What the suspect can bring about is no reason to give up on other trees.
      const code = error instanceof TriageError ? error.code : undefined;
      if (code !== 'pod-gone' && code !== 'path-race' && code !== 'limit-exceeded') throw error;
      if (code === 'pod-gone') return;
      for (const key of open.keys()) answers.set(key, code === 'path-race' ? { outcome: code } : left);
    }
  }

  private async readKnown<T extends FileToHash | FileToMove>(how: How<T>, files: readonly T[], take: Take, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < files.length; at += inodesEach) {
      const some = files.slice(at, at + inodesEach);
      const inodes = new Set(some.flatMap((file) => this.inodes.get(keyOf(file)) ?? []));
      if (inodes.size === 0) continue;
      const most = some.reduce((max, { size }) => Math.max(max, size * 2 + MiB), 0);
      const command = nodeCommand(how.name, insideMount(this.place, readArgv(most, this.patience.seconds, how.sink)), {
        stdin: Buffer.from([...inodes].map((inode) => `${this.shared.has(inode) ? 'first' : 'one'} ${inode}\n`).join('')),
        timeoutMs: 30 * 60_000,
        maxBytes: some.reduce((sum, file) => sum + how.bytesOf(file), MiB),
      });
      const running = await this.session.start(command, signal);
      const { outcome, truncated } = await whileRunning(running, foundFiles(running.stdout, take));
      if (outcome.stderr.includes(waited)) this.patience.spend(outcome.durationMs);
      checkStanding(outcome, this.place, this.session.node.name);
      if (truncated !== undefined) throw truncated;
      checkExit(command, this.session.node.name, outcome);
    }
  }
}

async function drain(content: AsyncIterable<Buffer>): Promise<void> {
  const parts = content[Symbol.asyncIterator]();
  while ((await parts.next()).done !== true);
}

function hashedOf({ size, identity }: FoundFile, said: string, reading: Reading): Hashed | undefined {
  const sha256 = /^([0-9a-f]{64}) /.exec(said)?.[1];
  if (sha256 === undefined || reading === 'unreadable') return undefined;
  // Something else stood in its place when tar came: tar archives that without a word, and without content.
  if (reading === 'padded' || (sha256 === sha256OfNothing && size > 0)) return { outcome: 'unsure' };
  return { outcome: 'hashed', sha256, steady: reading === 'whole', size, identity };
}

/** Undefined for a file that could not be read. */
async function moveOne(
  sha256: string | undefined,
  found: FoundFile,
  content: AsyncIterable<Buffer>,
  fared: () => Promise<Reading>,
  { evidence, strict }: Destination,
  signal: AbortSignal,
): Promise<Moved | undefined> {
  let staged: Awaited<ReturnType<typeof evidence.stage>>;
  try {
    staged = await evidence.stage(content, signal, strict && sha256 !== undefined ? { sha256 } : {});
  } catch (error) {
    if (!(error instanceof TriageError) || error.code !== 'digest-mismatch') throw error;
    return (await fared()) === 'unreadable' ? undefined : { outcome: 'differs' };
  }
  const reading = await fared();
  if (reading === 'whole' ? staged.size === found.size : reading === 'changed') return { outcome: 'stored', evidence: await staged.keep() };
  await staged.discard();
  return reading === 'unreadable' ? undefined : { outcome: 'differs' };
}
