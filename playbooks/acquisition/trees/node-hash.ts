import { TriageError } from '../../domain/error.js';
import type { NodeSession } from '../../ports.js';
import { someMissing } from '../node/listed-names.js';
import { checkExit, collect, nodeCommand, roomFor, splitNul, timeUp, withoutDot } from '../node/node-command.js';
import { checkEntered, insideTree, type Reading } from '../node/safe-tree.js';
import { isLeased, leaseSeconds, longestWait } from './leases.js';
import { type FileToHash, type Hashed, keyOf } from './tree-reader.js';

const MiB = 1024 * 1024;

/** What a look at a file prints, before it is read (`<`) and after (`>`). */
const look = String.raw`%y\t%D\t%i\t%s\t%C@\t`;

/** All files of a batch at once. A FIFO that takes the place of a file at the last moment holds this up until the time limit, as does a lease. */
const atOnce = String.raw`
most=$1; shift
find -P "$@" -maxdepth 0 -printf "<\t${look}%p\0"
find -P "$@" -maxdepth 0 -type f -size "-$most"c -print0 | xargs -0 -r sha256sum -z --
find -P "$@" -maxdepth 0 -printf ">\t${look}%p\0"
exit 0`;

/**
 * `hash FILE LIMIT NAME_FOR_FIND NAME`: one file, which cannot hold it up: dd opens without waiting, follows no link and stops at the limit.
 * The hash is printed only if dd did not complain. Fails where dd would have had to wait to open it: somebody holds a lease on it (leases.ts).
 * `patiently` is how to wait.
 */
export const hashSingly = String.raw`
how=nonblock, patiently=
hash() {
  find -P "$1" -maxdepth 0 -printf "<\t${look}$3\0"
  sum=$({ { $patiently dd if="$1" bs=64k count="$2" iflag="$how"nofollow,count_bytes status=none 2>&3 || echo '!' >&3; } | sha256sum; } 3>&1)
  case $sum in *!*) ;; *) printf '%.64s  %s\0' "$sum" "$4" ;; esac
  find -P "$1" -maxdepth 0 -printf ">\t${look}$3\0"
  case $sum in *'failed to open'*': ${isLeased}'*) return 1 ;; esac
}`;

/**
 * Each argument is `LIMIT/NAME`. First nobody is waited for, and the kernel begins to break the leases of all. Then one wait does for all of them,
 * but for those whose holder lets go only to take a lease anew, and for what has become a FIFO: each of these has a wait of its own at the end. What
 * is said of a file last counts. LIMIT is twice the size: 4 MiB/s are reckoned for the bytes. xargs can run this several times: `last` is when
 * nobody may wait any more.
 */
const inTurn = `${hashSingly}
one() { hash "\${each#*/}" "\${each%%/*}" %p "\${each#*/}"; }
patient() {
  left=$1 now=$(date +%s)
  [ "$left" -ge 2 ] || left=2
  left=$((left + \${each%%/*} / ${8 * MiB}))
  [ $((now + left)) -le "$last" ] || left=$((last - now))
  [ "$left" -gt 0 ] && [ ! -h "\${each#*/}" ] && [ -f "\${each#*/}" ] || return 0
  patiently="timeout -k 1 $left"
  one
  case $sum in *!*) return 1 ;; esac
}
count=$#
while [ "$count" -gt 0 ]; do
  count=$((count - 1)) each=$1
  shift
  one || set -- "$@" "$each"
done
how=
until=$(($(date +%s) + ${leaseSeconds})) count=$#
while [ "$count" -gt 0 ]; do
  count=$((count - 1)) each=$1
  shift
  patient $((until - $(date +%s))) || set -- "$@" "$each"
done
for each; do patient ${leaseSeconds}; done
exit 0`;

const allInTurn = `last=$(($(date +%s) + ${longestWait})); export last; exec xargs -0 -r -s 1000000 sh -c "$1" podtriage`;

/** Where files are hashed. */
export interface HashPlace {
  readonly session: NodeSession;
  readonly root: string;
  readonly reading: Reading;
  /** Less patience than {@link patienceMs} with a batch before its files are hashed one by one, beside what its bytes take at 4 MiB/s. */
  readonly patienceMs?: number | undefined;
}

/** What the node says of each file, by path as latin1 of the raw bytes; see {@link Hashed}. No name may be longer than a tool can open. */
export async function hashNames(place: HashPlace, files: readonly FileToHash[], signal: AbortSignal): Promise<Map<string, Hashed>> {
  if (files.length === 0) return new Map();
  const { session, root, reading } = place;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const most = files.reduce((max, file) => Math.max(max, mostBytes(file)), 0);
  const seconds = Math.ceil(Math.min(place.patienceMs ?? Infinity, patienceMs(files.length)) / 1_000 + bytes / (4 * MiB));
  const argv = ['timeout', '-k', '5', String(seconds), 'xargs', '-0', '-r', 'sh', '-c', atOnce, 'podtriage', String(most)];
  const command = nodeCommand('hash-files', insideTree(root, argv, reading), {
    stdin: listOf(files, () => './'),
    timeoutMs: (seconds + 30) * 1_000,
    maxBytes: roomForHashes(files),
  });
  const { stdout, outcome } = await collect(session, command, signal);
  checkEntered(outcome, root, session.node.name);
  if (outcome.exitCode === timeUp) return hashInTurn(place, files, signal);
  checkExit(command, session.node.name, outcome);
  return parseHashes(stdout, () => most);
}

/** How long a tool is waited for that opens so many files at once: a suspect can make it wait for ever. */
export function patienceMs(files: number): number {
  return Math.min(5_000 + files * 20, 30_000);
}

async function hashInTurn({ session, root, reading }: HashPlace, files: readonly FileToHash[], signal: AbortSignal): Promise<Map<string, Hashed>> {
  const limits = new Map(files.map((file) => [keyOf(file), mostBytes(file)]));
  const command = nodeCommand('hash-files-in-turn', insideTree(root, ['sh', '-c', allInTurn, 'podtriage', inTurn], reading), {
    stdin: listOf(files, (file) => `${mostBytes(file)}/./`),
    timeoutMs: 30 * 60_000,
    maxBytes: roomForHashes(files),
  });
  const { stdout, outcome } = await collect(session, command, signal);
  checkEntered(outcome, root, session.node.name);
  checkExit(command, session.node.name, outcome, [0, someMissing]);
  return parseHashes(stdout, (key) => limits.get(key) ?? 0);
}

function listOf(files: readonly FileToHash[], prefix: (file: FileToHash) => string): Buffer {
  return Buffer.concat(files.flatMap((file) => [Buffer.from(prefix(file)), file.path, Buffer.from([0])]));
}

/** A file may grow while we come; what is far above what was listed is left alone. */
export function mostBytes({ size }: FileToHash): number {
  return size * 2 + MiB;
}

/** Room for an answer: each name five times, as what is leased is looked at twice, with numbers. */
export function roomForHashes(files: readonly FileToHash[]): number {
  const names = files.map(({ path }) => path);
  return roomFor([...names, ...names, ...names, ...names, ...names], 200);
}

interface Look {
  /** All that it says, as it came. */
  readonly text: string;
  readonly type: string;
  readonly size: number;
  readonly identity: { readonly device: string; readonly inode: string; readonly ctime: string };
}

const lookPattern = /^([<>])\t(\w)\t(\d+)\t(\d+)\t(\d+)\t(-?[\d.]+)\t/;
const sumPattern = /^([0-9a-f]{64}) [ *]/;

/**
 * Parses what the scripts print: looks and hashes, each ended by NUL. A name can hold anything but NUL and comes last.
 * Throws `transfer-truncated` or `command-failed`.
 * @param most the bytes above which a file was not hashed, by path
 */
export function parseHashes(stdout: Buffer, most: (path: string) => number): Map<string, Hashed> {
  const before = new Map<string, Look>();
  const after = new Map<string, string>();
  const sums = new Map<string, string>();
  for (const record of splitNul(stdout, 'hashes')) {
    const head = record.subarray(0, 200).toString('latin1');
    const sum = sumPattern.exec(head);
    const seen = lookPattern.exec(head);
    const [whole, first = ''] = sum ?? seen ?? [];
    if (whole === undefined) throw new TriageError('command-failed', 'hashes: a record has not the form that was asked for');
    const path = withoutDot(record.subarray(whole.length)).toString('latin1');
    if (seen === null) sums.set(path, first);
    else if (first === '<') before.set(path, lookOf(seen));
    else after.set(path, whole.slice(1));
  }
  const all = [...before].map(([path, look]) => [path, judge(look, sums.get(path), after.get(path), most(path))] as const);
  return new Map(all.filter((each): each is [string, Hashed] => each[1] !== undefined));
}

function lookOf([whole = '', , type = '', device = '', inode = '', size, ctime = '']: readonly string[]): Look {
  return { text: whole.slice(1), type, size: Math.min(Number(size), Number.MAX_SAFE_INTEGER), identity: { device, inode, ctime } };
}

/** Undefined for a file that could not be read. */
function judge(before: Look, sha256: string | undefined, after: string | undefined, most: number): Hashed | undefined {
  if (before.type !== 'f') return { outcome: 'not-a-file' };
  if (before.size >= most) return { outcome: 'too-large', size: before.size };
  if (sha256 === undefined) return undefined;
  return { outcome: 'hashed', sha256, steady: before.text === after, size: before.size, identity: before.identity };
}
