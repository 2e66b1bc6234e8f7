import { TriageError } from '../../domain/error.js';
import type { EvidencePort, NodeSession, StoredEvidence } from '../../ports.js';
import { checkExit, collect, nodeCommand, whileRunning } from '../node/node-command.js';

/** An executable by `device:inode`, and processes that run it: one may have ended meanwhile. */
export interface WantedExecutable {
  readonly key: string;
  readonly pids: readonly number[];
}

/** What the node read of an executable. */
export interface HashedExecutable {
  readonly sha256: string;
  readonly size: number;
  /** Seconds since 1970. */
  readonly ctime: string;
  /** The first 512 bytes. */
  readonly head: Buffer;
}

/** `gone`: the processes have ended. `other`: they run something else by now. `unreadable`: they run it, and it cannot be read. */
export type HashOutcome = HashedExecutable | 'gone' | 'other' | 'unreadable';

const hashTimeoutMs = 15 * 60_000;
/** One executable that never ends, such as a file of the suspect's own FUSE, must not keep the others from being read. Seconds. */
const eachTimeout = 300;
/** How many processes of one executable are tried. */
const tries = 3;

/**
 * Reads one executable that is held open: what it is and what is in it are of the same file, whatever the pid stands for by now. dd reads
 * with O_NOATIME: no access time tells in the container that it was read.
 */
const readOne = `
{
  set -- "$1" "$2" $(stat -L --printf '%d:%i %s %.9Z' /proc/self/fd/3)
  [ "$3" = "$2" ] || exit 3
  head=$(dd if=/proc/self/fd/3 iflag=noatime bs=512 count=1 | base64 -w0)
  sum=$( { { dd if=/proc/self/fd/3 iflag=noatime bs=1M || echo failed >&4; } | sha256sum; } 4>&1 )
  case $sum in *failed*) exit 4 ;; esac
  printf '%s %s h%s %.64s' "$4" "$5" "$head" "$sum"
} 3<"/proc/$1/exe"
`;

const hashScript = `
export LC_ALL=C
while read -r key pids; do
  answer=gone
  for pid in $pids; do
    answer=$(timeout -k 1 "$2" sh -c "$1" podtriage "$pid" "$key" 2>/dev/null)
    case $? in
      0) break ;;
      3) answer=other ;;
      *) if readlink "/proc/$pid/exe" >/dev/null; then answer=unreadable; else answer=gone; fi ;;
    esac
  done
  printf '%s %s\\n' "$key" "$answer"
done
`;

/** Takes the sha256 of each executable on the node, through the processes that run it: it need be on no file system any more. */
export async function hashExecutables(
  session: NodeSession,
  wanted: readonly WantedExecutable[],
  signal: AbortSignal,
): Promise<Map<string, HashOutcome>> {
  if (wanted.length === 0) return new Map();
  const stdin = Buffer.from(wanted.map(({ key, pids }) => `${[key, ...pids.slice(0, tries)].join(' ')}\n`).join(''));
  const argv = ['sh', '-c', hashScript, 'podtriage', readOne, String(eachTimeout)];
  const command = nodeCommand('hash-executables', argv, { stdin, timeoutMs: hashTimeoutMs });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  return parseHashes(stdout.toString('latin1'));
}

/** Parses lines of `key answer`. Throws `command-failed` for a foreign one. */
export function parseHashes(text: string): Map<string, HashOutcome> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map(hashLine),
  );
}

function hashLine(line: string): [string, HashOutcome] {
  const [, other = '', word] = /^(\d+:\d+) (gone|other|unreadable)$/.exec(line) ?? [];
  if (word === 'gone' || word === 'other' || word === 'unreadable') return [other, word];
  const match = /^(\d+:\d+) (\d+) (-?[\d.]+) h([A-Za-z0-9+/=]*) ([0-9a-f]{64})$/.exec(line);
  if (match === null) throw new TriageError('command-failed', 'hash-executables: a line has not the form that was asked for');
  const [, key = '', size, ctime = '', head = '', sha256 = ''] = match;
  return [key, { sha256, size: Number(size), ctime, head: Buffer.from(head, 'base64') }];
}

const moveScript = `
{
  [ "$(stat -L --printf '%d:%i' /proc/self/fd/3)" = "$2" ] || exit 96
  exec dd if=/proc/self/fd/3 iflag=noatime bs=1M status=none
} 3<"/proc/$1/exe" || exit 95
`;

/** Moves the content of an executable through one of its processes. Undefined where it is gone, or is not any more what was hashed. */
export async function moveExecutable(
  session: NodeSession,
  evidence: EvidencePort,
  { key, pids }: WantedExecutable,
  { sha256, size }: HashedExecutable,
  signal: AbortSignal,
): Promise<StoredEvidence | undefined> {
  for (const pid of pids.slice(0, tries)) {
    const argv = ['sh', '-c', moveScript, 'podtriage', String(pid), key];
    const command = nodeCommand('move-executable', argv, { timeoutMs: 60 * 60_000, maxBytes: size + 1024 * 1024 });
    const running = await session.start(command, signal);
    let stored: StoredEvidence | undefined;
    const storing = evidence.put(running.stdout, signal, { sha256, size }).then((kept) => {
      stored = kept;
    });
    try {
      const { outcome } = await whileRunning(running, storing);
      checkExit(command, session.node.name, outcome);
      return stored;
    } catch (error) {
      if (!(error instanceof TriageError) || error.code !== 'digest-mismatch') throw error;
    }
  }
  return undefined;
}
