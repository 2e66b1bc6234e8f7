import { TriageError } from '../../domain/error.js';
import type { CommandOutcome, NodeSession } from '../../ports.js';
import { walkArgv } from '../node/find-records.js';
import { type Walk, walkBy } from '../node/walk-tree.js';

/** Exit statuses of the script: no such directory; it is reached through a symlink. */
const notThere = 96;
const notStraight = 97;

/**
 * Parts of a hostPath can be the suspect's: who may write to a directory above can put a symlink in its place. So the path must be the
 * directory's own, and the walk starts from the working directory, never from the name again. The bind mount in a namespace of its own keeps
 * access times. mount(8) gets `-c`, or it looks the name up once more, and `-n`, or it makes a folder below /run. /tmp exists on every node and is
 * not needed meanwhile.
 */
const script = String.raw`
cd -P "$1" 2>/dev/null || exit ${notThere}
[ "$(pwd -P; echo .)" = "$1
." ] || exit ${notStraight}
shift
mount -n -c --bind . /tmp && mount -n -o remount,bind,ro,nosuid,nodev,noexec,noatime /tmp && cd /tmp && exec "$@"`;

/**
 * Lists the entries of a directory of the node that a container has mounted, up to `most`; nothing of it is read.
 * @throws TriageError `pod-gone` (no such directory), `path-race` (a symlink leads there), `command-failed`
 */
export function hostListing(session: NodeSession, root: string, most: number, signal: AbortSignal): Promise<Walk> {
  const argv = ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', script, 'podtriage', root, ...walkArgv];
  const check = ({ exitCode }: CommandOutcome): void => {
    if (exitCode === notThere) throw new TriageError('pod-gone', `${root} is no directory of node ${session.node.name}`);
    if (exitCode === notStraight)
      throw new TriageError('path-race', `${root} of node ${session.node.name} is reached through a symlink, and is not listed`);
  };
  return walkBy(session, argv, check, most, signal);
}
