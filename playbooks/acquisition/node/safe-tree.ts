import { TriageError } from '../../domain/error.js';
import type { CommandOutcome, NodeSession } from '../../ports.js';

/**
 * How a tree is read. `nosymfollow`: no name leads out of it (Linux 5.10, util-linux 2.38). `two-walks`: names can be led astray on this node,
 * so that what was read by name counts only if walks before and after show that it was not.
 */
export type Reading = 'nosymfollow' | 'two-walks';

/** Exit statuses of scripts that enter a tree: it is not there, and it could not be made safe to read. See {@link checkEntered}. */
export const notThere = 96;
export const notSafe = 97;

/** What a tree is mounted with, to be read. */
export const mountOptions: Readonly<Record<Reading, string>> = {
  nosymfollow: 'ro,nosymfollow,nosuid,nodev,noexec,noatime',
  'two-walks': 'ro,nosuid,nodev,noexec,noatime',
};

/**
 * Kernels before 5.10 and mount(8) before 2.38 take `nosymfollow` without a word and do nothing, so the mount itself is asked: its id stands
 * in fdinfo (proc_pid_fdinfo(5)), and field 6 of its line in mountinfo holds what is true of it, `ro` first.
 */
const isInForce =
  '{ exec 3<.; while read -r key id; do [ "$key" = mnt_id: ] && break; done </proc/self/fdinfo/3; exec 3<&-; ' +
  'grep -qE "^$id ([^ ]+ ){4}ro,([^ ]+,)?nosymfollow[, ]" /proc/self/mountinfo; }';

/** Before 2.27 mount(8) makes a bind mount without the options, which it takes in a second step; any that knows `nosymfollow` does both in one. */
const body = [
  `[ -e "$1" ] || exit ${notThere}`,
  `mount -n -o "bind,$2" "$1" "$1" || exit ${notSafe}`,
  `if [ "$2" = ${mountOptions.nosymfollow} ]`,
  `then cd "$1" && ${isInForce} || { echo "nosymfollow has no effect" >&2; exit ${notSafe}; }`,
  `else mount -n -o "remount,bind,$2" "$1" && cd "$1" || exit ${notSafe}; fi`,
  '[ "$3" = 0 ] || sleep "$3"',
  'shift 3; exec "$@"',
].join('\n');

/**
 * Seconds between a walk and what is read by name after it: a swap must show another ctime than the walk saw, and the kernel's clock for that
 * ticks every 10 ms at worst.
 */
const pause = '0.03';

/**
 * The argv that runs `argv` with `root` as working directory, in a mount namespace of its own in which `root` is read-only,
 * keeps access times, and follows no symlink where the node can do that. The suspect can swap a directory for a symlink between two of our
 * calls; without `nosymfollow` names given to tar or sha256sum then lead to the node's own files.
 * The namespace ends with the command. `root` is a path of the node, never one that goes through /proc/PID/root.
 */
export function insideTree(root: string, argv: readonly string[], reading: Reading = 'nosymfollow'): string[] {
  return entering(root, argv, reading, reading === 'two-walks' ? pause : '0');
}

/** The same for a command that names nothing but where it stands, such as a walk. */
export function walkingTree(root: string, argv: readonly string[], reading: Reading): string[] {
  return entering(root, argv, reading, '0');
}

function entering(root: string, argv: readonly string[], reading: Reading, wait: string): string[] {
  return ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', body, 'podtriage', root, mountOptions[reading], wait, ...argv];
}

/** Throws when the tree could not be entered: it is gone (`pod-gone`), or the node cannot make it safe (`tool-missing`). */
export function checkEntered(outcome: CommandOutcome, root: string, node: string): void {
  if (outcome.exitCode === notThere) throw new TriageError('pod-gone', `${root} is no longer on node ${node}: the container was removed`);
  if (outcome.exitCode !== notSafe && !outcome.stderr.startsWith('unshare:')) return;
  throw new TriageError('tool-missing', `node ${node} cannot mount ${root} in a private namespace to read it safely: ${outcome.stderr}`);
}

const readings = new WeakMap<NodeSession, Reading>();

/** How trees are read in this session, as far as one has been read. */
export function readingOf(session: NodeSession): Reading | undefined {
  return readings.get(session);
}

/** Reads in the best way that the node can. The first read of a session finds it out: where it fails, it is done once more the other way. */
export async function byBestReading<T>(session: NodeSession, read: (reading: Reading) => Promise<T>): Promise<T> {
  const known = readings.get(session);
  if (known !== undefined) return read(known);
  try {
    return await settled(session, 'nosymfollow', read);
  } catch (error) {
    if (!(error instanceof TriageError) || error.code !== 'tool-missing') throw error;
    return settled(session, 'two-walks', read);
  }
}

async function settled<T>(session: NodeSession, reading: Reading, read: (reading: Reading) => Promise<T>): Promise<T> {
  const answer = await read(reading);
  readings.set(session, reading);
  return answer;
}
