import { TriageError } from '../domain/error.js';
import type { CommandOutcome } from '../ports.js';

/** Exit statuses of the script: the tree is not there, and it could not be made safe to read. */
const notThere = 96;
const notSafe = 97;

const script = ['mount --bind "$1" "$1"', 'mount -o remount,bind,ro,nosymfollow,nosuid,nodev,noexec,noatime "$1"', 'cd "$1"', 'shift'].join(' && ');

/**
 * The argv that runs `argv` with `root` as working directory, in a mount namespace of its own in which `root` is read-only,
 * follows no symlink (Linux 5.10 `nosymfollow`, util-linux 2.38), and keeps access times. The suspect can swap a directory for a
 * symlink between two of our calls; without `nosymfollow` names given to tar or sha256sum then lead to the node's own files.
 * The namespace ends with the command. `root` is a path of the node, never one that goes through /proc/PID/root.
 */
export function insideTree(root: string, argv: readonly string[]): string[] {
  const body = `[ -e "$1" ] || exit ${notThere}; ${script} || exit ${notSafe}; exec "$@"`;
  return ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', body, 'podtriage', root, ...argv];
}

/** Throws when the tree could not be entered: it is gone (`pod-gone`), or the node cannot make it safe (`tool-missing`). */
export function checkEntered(outcome: CommandOutcome, root: string, node: string): void {
  if (outcome.exitCode === notThere) throw new TriageError('pod-gone', `${root} is no longer on node ${node}: the container was removed`);
  if (outcome.exitCode !== notSafe && !outcome.stderr.startsWith('unshare:')) return;
  throw new TriageError(
    'tool-missing',
    `node ${node} cannot mount ${root} with nosymfollow in a private namespace (Linux 5.10 and util-linux 2.38 are needed): ${outcome.stderr}`,
  );
}
