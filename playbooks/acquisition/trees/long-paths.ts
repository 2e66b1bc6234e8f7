import type { NodeCommand } from '../../ports.js';
import { someMissing } from '../node/listed-names.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';
import { checkEntered, insideTree } from '../node/safe-tree.js';
import { hashSingly, mostBytes, parseHashes, roomForHashes } from './node-hash.js';
import { type MovePlace, runTar, type Taker, tarFormat } from './transfer.js';
import { type FileToHash, type FileToMove, type Hashed, keyOf } from './tree-reader.js';

/** How many of them are read at a time: each takes a command of its own to move. */
export const maxLongPaths = 50;

/** Bytes of a path that are entered at once; below PATH_MAX with a name to spare. */
const pieceBytes = 3_500;

/** Bytes of argument list that xargs may use: paths above a quarter of it cannot be given to it. */
const listBytes = 1_000_000;

/** Goes down piece by piece: each is a relative path, so that none is too long. A shell that cannot say where it is goes on. */
const goDown = 'while [ $# -gt 1 ]; do cd -P "$1" 2>/dev/null || exit 0; shift; done';

const hashBelow = `${hashSingly}\ntag=$1 most=$2; shift 2\n${goDown}\nhash "$1" "$most" "$tag" "$tag"; exit 0`;

const tarBelow = `${goDown}\nexec ${tarFormat.join(' ')} --no-recursion -cf - "$1"`;

/** Whether a path can be read in pieces. */
export function isReachable(path: Uint8Array): boolean {
  return path.length < listBytes / 4;
}

/** The pieces of a path, the last of them the file's own name. Each begins with `./`. */
export function piecesOf(path: Uint8Array): Buffer[] {
  const pieces: string[] = [];
  let piece = '.';
  const names = Buffer.from(path).toString('latin1').split('/');
  const file = names.pop() ?? '';
  for (const name of names) {
    if (piece.length + name.length > pieceBytes) {
      pieces.push(piece);
      piece = '.';
    }
    piece += `/${name}`;
  }
  return [...pieces, piece, `./${file}`].map((each) => Buffer.from(each, 'latin1'));
}

/** Hashes files whose paths are longer than a tool can open. */
export async function hashLong(
  { session, root, reading }: MovePlace,
  files: readonly FileToHash[],
  signal: AbortSignal,
): Promise<Map<string, Hashed>> {
  if (files.length === 0) return new Map();
  const pieces = files.map(({ path }) => piecesOf(path));
  const longest = Math.max(...pieces.map(({ length }) => length));
  const words = files.flatMap((file, index) => {
    const own = pieces[index] ?? [];
    const still = Array<Buffer>(longest - own.length).fill(Buffer.from('.'));
    return [Buffer.from(String(index)), Buffer.from(String(mostBytes(file))), ...still, ...own];
  });
  const argv = [...eachOf(longest + 2), 'sh', '-c', hashBelow, 'podtriage'];
  const command = nodeCommand('hash-long-paths', insideTree(root, argv, reading), { stdin: nulEnded(words), maxBytes: roomForHashes(files) });
  const { stdout, outcome } = await collect(session, command, signal);
  checkEntered(outcome, root, session.node.name);
  checkExit(command, session.node.name, outcome, [0, someMissing]);
  const answers = parseHashes(stdout, (tag) => (files[Number(tag)] === undefined ? 0 : mostBytes(files[Number(tag)] as FileToHash)));
  const named = files.map((file, index) => [keyOf(file), answers.get(String(index))] as const);
  return new Map(named.filter((each): each is [string, Hashed] => each[1] !== undefined));
}

/** Moves one file whose path is longer than a tool can open. Undefined when it did not come. */
export async function moveLong<T>(
  { session, root, reading }: MovePlace,
  file: FileToMove,
  take: Taker<T>,
  signal: AbortSignal,
): Promise<T | { readonly outcome: 'cut' | 'differs' } | undefined> {
  const pieces = piecesOf(file.path);
  const argv = [...eachOf(pieces.length), 'sh', '-c', tarBelow, 'podtriage'];
  const command: NodeCommand = nodeCommand('move-long-path', insideTree(root, argv, reading), {
    stdin: nulEnded(pieces),
    timeoutMs: 60 * 60_000,
    maxBytes: mostBytes(file) + 20_000,
  });
  let moved: T | undefined;
  const { fared } = await runTar(session, command, root, signal, async (entry) => {
    moved = await take(entry, file);
  });
  return fared === 'whole' ? moved : { outcome: fared === 'cut' ? 'cut' : 'differs' };
}

function eachOf(words: number): string[] {
  return ['xargs', '-0', '-r', '-x', '-s', String(listBytes), '-n', String(words)];
}

function nulEnded(words: readonly Buffer[]): Buffer {
  return Buffer.concat(words.flatMap((word) => [word, Buffer.from([0])]));
}
