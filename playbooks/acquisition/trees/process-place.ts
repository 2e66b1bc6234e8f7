import { TriageError } from '../../domain/error.js';
import type { ContainerVolume, NodeContainer } from '../../facts.js';
import type { CommandOutcome } from '../../ports.js';
import { cgroupPattern } from '../node/cgroup.js';
import { plainPath } from '../node/mountinfo.js';

/** A file system in memory that only a container has mounted, as its init process shows it. */
export interface ProcessPlace {
  readonly pid: number;
  readonly containerId: string;
  /** `major:minor`. */
  readonly device: string;
  /** Of the mount, in the process's mount table. */
  readonly mountId: number;
  /** For messages: safe to print, never opened. */
  readonly mountPoint: string;
}

/** Where a volume without a directory on the node can be read; undefined for any other, and where no process is left to show it. */
export function processPlaceOf(
  { id, pid }: Pick<NodeContainer, 'id' | 'pid'>,
  { source, device, mountId, mountPath }: ContainerVolume,
): ProcessPlace | undefined {
  if (source !== undefined || pid === undefined || device === undefined || mountId === undefined) return undefined;
  return { pid, containerId: id, device, mountId, mountPoint: mountPath };
}

/** Exit statuses of the script: process or mount are gone; where it came to is not the mount. */
const notThere = 96;
const notProven = 97;

/**
 * /proc/PID/root leads into the container's mounts, and a name below it leads wherever the suspect likes: an absolute symlink starts again at
 * the node's own root. So the script goes there by name and then proves, by what the kernel says of its working directory, that it stands on
 * the mount itself: the mount's id (proc_pid_fdinfo(5)), its device, a file system in memory, and another device above. No mount of the node may
 * have that device. The mount point comes from the process's table, as its parents can be renamed, and is in no argument.
 */
const enter = String.raw`
pid=$1 pattern=$2 device=$3 number=$4 mount=$5 pointOf=$6
shift 6
grep -qE -e "$pattern" "/proc/$pid/cgroup" 2>/dev/null || exit ${notThere}
point=$(awk -v mount="$mount" -v device="$device" "$pointOf" /proc/self/mountinfo "/proc/$pid/mountinfo" 2>/dev/null)
said=$?
[ "$said" -lt 124 ] || exit "$said"
[ "$said" != ${notProven} ] || exit ${notProven}
[ -n "$point" ] || exit ${notThere}
cd -P "/proc/$pid/root$point" 2>/dev/null || exit ${notProven}
exec 9<. || exit ${notProven}
while read -r key id; do [ "$key" != mnt_id: ] || break; done </proc/self/fdinfo/9
exec 9<&-
[ "$id" = "$mount" ] || exit ${notProven}
case $(stat --printf '%d ' . ..) in "$number $number ") exit ${notProven} ;; "$number "*) ;; *) exit ${notProven} ;; esac
case $(stat -f -c %T .) in tmpfs | ramfs) ;; *) exit ${notProven} ;; esac
exec "$@"`;

/** A program for awk: says where the mount is by the second table it reads, and by its exit status that the node's own, the first, has its device. */
const pointOf = String.raw`${plainPath}
NR == FNR { if ($3 == device) { shared = 1; exit } next }
$1 == mount && $3 == device { printf "%s/.", plain($5); exit }
END { if (shared) exit ${notProven} }`;

/** The argv that runs `argv` with the mount as working directory. What it runs must recurse from `.` and open nothing by a longer name. */
export function insideMount({ pid, containerId, device, mountId }: ProcessPlace, argv: readonly string[]): string[] {
  return ['sh', '-c', enter, 'podtriage', String(pid), cgroupPattern([containerId]), device, deviceNumber(device), String(mountId), pointOf, ...argv];
}

/** Throws when the script could not come to the mount (`pod-gone`), or came to something else (`path-race`). */
export function checkStanding(outcome: CommandOutcome, { mountPoint, pid }: ProcessPlace, node: string): void {
  const where = `${mountPoint} of process ${pid} on node ${node}`;
  if (outcome.exitCode === notThere) throw new TriageError('pod-gone', `${where} is gone: the process has ended, or it is no longer mounted`);
  if (outcome.exitCode === notProven)
    throw new TriageError('path-race', `${where} could not be entered: something else is mounted above it, or was put in its way`);
}

/** A device as stat(1) and find(1) print it: what the kernel's `major:minor` is as one number (glibc, sysmacros.h). */
export function deviceNumber(device: string): string {
  const [major = 0n, minor = 0n] = device.split(':').map(BigInt);
  const [lowMajor, lowMinor] = [major & 0xfffn, minor & 0xffn];
  return String(((major - lowMajor) << 32n) | ((minor - lowMinor) << 12n) | (lowMajor << 8n) | lowMinor);
}
