import { TriageError } from '../../domain/error.js';
import { NulFields } from '../node/nul-fields.js';
import { isLeased } from './leases.js';

/** One file as find saw it before it was read. */
export interface FoundFile {
  readonly size: number;
  readonly identity: { readonly device: string; readonly inode: string; readonly ctime: string };
}

/** How tar fared with a file. `changed`: while it was read. `padded`: it shrank, and tar filled it up with zeros. */
export type Reading = 'whole' | 'changed' | 'padded' | 'unreadable';

/** Said on stderr where leases are held on the node, so that some may have been waited for. */
export const waited = 'there are leases';

/** tar looks at what it has opened, and reads only a regular file. `--atime-preserve` opens with O_NOATIME. */
const packed = 'packed() { tar --format=gnu --no-recursion --atime-preserve=system -cf - -- "$file"; }';

/** Opens a file as tar will, so that the kernel begins to break a lease on it. */
const openOne = `file=$1\n${packed}\npacked 2>/dev/null | head -c 1 >/dev/null`;

/**
 * Reads one file, which find has named by a single part in the directory that it stands in: tar opens it without following a link and without
 * waiting, and the second tar takes its header off again. The access times of directories cannot be kept, as nothing on a bare node lists them
 * without moving them.
 * Where leases are held (`until` is not 0), tar is asked before until it can open the file: a tool that waits could wait for a FIFO or a device.
 */
const readOne = String.raw`
file=$1 until=$2
shift 2
${packed}
isLeased() { case $({ packed 2>&4 | head -c 1 >/dev/null; } 4>&1) in *': ${isLeased}'*) ;; *) return 1 ;; esac; }
[ "$until" = 0 ] || while [ "$(date +%s)" -lt "$until" ] && isLeased; do sleep 5; done
{ said=$({ { packed 2>&4; echo "$?" >&5; } | tar -xOf - 2>/dev/null | "$@" >&3; } 4>&1 5>&1); } 3>&1
printf '\0%s\0' "$said"`;

/**
 * Finds files by their inodes and passes each to a program; on stdin are lines of `one INODE`, or of `first INODE` for an inode with
 * several names, of which the first that is found will do. Only numbers say which: a name of more than one part, given to any tool, can be
 * led astray, while find's own descent cannot. Prints for each file the fields of {@link foundFiles}.
 * @param most files of more bytes are left alone
 * @param patience how many seconds may be waited for leases (fcntl(2), F_SETLEASE) to be broken
 */
export function readArgv(most: number, patience: number, sink: readonly string[]): string[] {
  const script = String.raw`
most=$1 patience=$2 open=$3 read=$4
shift 4
singles= firsts=
while read -r kind inode; do
  case $kind in one) singles="$singles -o -inum $inode" ;; first) firsts="$firsts $inode" ;; esac
done
seek() { find -P . -xdev -ignore_readdir_race -type f -size "-$most"c "$@" </dev/null; }
each() {
  [ -z "$singles" ] || seek '(' -false $singles ')' "$@"
  for inode in $firsts; do seek -inum "$inode" "$@" -quit; done
}
until=0
if grep -qE ': LEASE +(BREAKING|ACTIVE +WRITE)' /proc/locks; then
  echo '${waited}' >&2
  each -execdir sh -c "$open" podtriage '{}' ';'
  until=$(($(date +%s) + patience))
fi
each -printf '%D\t%i\t%s\t%C@\0' -execdir sh -c "$read" podtriage '{}' "$until" "$@" ';'
exit 0`;
  return ['sh', '-c', script, 'podtriage', String(most), String(patience), openOne, readOne, ...sink];
}

const headPattern = /^(\d+)\t(\d+)\t(\d+)\t(-?[\d.]+)$/;

/**
 * Parses what {@link readArgv} prints. `take` must read the content to its end; it gets how tar fared only after that, as the content is on its
 * way before tar knows. Throws `transfer-truncated` or `command-failed`.
 */
export async function foundFiles(
  stdout: AsyncIterable<Uint8Array>,
  take: (file: FoundFile, content: AsyncIterable<Buffer>, fared: () => Promise<Reading>) => Promise<void>,
): Promise<void> {
  const fields = new NulFields(stdout, 'files of a mount');
  while (!(await fields.isAtEnd())) {
    const match = headPattern.exec((await fields.field(200)).toString('latin1'));
    if (match === null) throw new TriageError('command-failed', 'files of a mount: a record has not the form that was asked for');
    const [, device = '', inode = '', size, ctime = ''] = match;
    let reading: Reading | undefined;
    const fared = async (): Promise<Reading> => (reading ??= readingOf((await fields.field(64 * 1024)).toString('latin1')));
    const file = { size: Math.min(Number(size), Number.MAX_SAFE_INTEGER), identity: { device, inode, ctime } };
    await take(file, fields.parts(), fared);
    await fared();
  }
}

/** tar's messages, then its exit status on a line of its own. It quotes names, so that a message is one line. */
function readingOf(said: string): Reading {
  const status = /(?:^|\n)(\d+)$/.exec(said)?.[1];
  if (status === '0') return 'whole';
  if (status !== '1') return 'unreadable';
  return said.includes('shrank by') ? 'padded' : 'changed';
}
