import { TriageError } from '../../domain/error.js';
import type { NodeSession } from '../../ports.js';
import { linesBySection } from '../node/emitted.js';
import { plainPath } from '../node/mountinfo.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';
import { type NodeFacts, parseFacts, tellTools } from '../node/node-facts.js';
import { type ContainerRecord, containerRecord } from './container-record.js';

/** What is true of a node, and the runtimes' own records of containers on it. */
export interface NodeRecords {
  readonly facts: NodeFacts;
  /** By the container's id; none of a container that is not running or long gone, or whose record lacks what identifies it. */
  readonly records: ReadonlyMap<string, ContainerRecord>;
  /** Why a container's record could not be read, by its id. */
  readonly failures: ReadonlyMap<string, TriageError>;
}

const MiB = 1024 * 1024;

/** A container with CAP_SYS_ADMIN can make a hundred thousand mounts (sysctl fs.mount-max); this much of the table is read. */
const maxMountTable = 2 * MiB;

/**
 * A program for awk that says by the node's mount table where the records of containers can be, as lines of `number runtime folder`. containerd
 * mounts the root file system of a running one below a task folder with the container's id, which also holds the record. CRI-O keeps records of
 * ended ones as well, in its run root, which shows in the mounts of its sandboxes, and without the process id in its storage, which shows in the
 * mounts of root file systems.
 */
const findPlaces = String.raw`${plainPath}
function isId(text) { return length(text) == 64 && text !~ /[^0-9a-f]/ }
function above(path, parts) { while (parts-- > 0) sub(/\/[^\/]*$/, "", path); return path }
function keep(kind, folder) { if (!((kind, folder) in kept)) { kept[kind, folder]; home[kind, ++homes[kind]] = folder } }
function tell(kind, i) { for (i = 1; i <= homes[kind]; i++) print number, "cri-o", home[kind, i] "/" wanted[number] "/userdata" }
{
  point = plain($5)
  last = split(point, part, "/")
  id = part[last - 1]
  if (point ~ /\n/) next
  if (point ~ /\/io\.containerd\.runtime\.v2\.task\/k8s\.io\/[^\/]+\/rootfs$/ && !(id in task)) task[id] = above(point, 1)
  if (point ~ /.\/(overlay|vfs)-containers\/[^\/]+\/userdata\/shm$/ && isId(part[last - 2])) keep("run", above(point, 3))
  if (point ~ /.\/overlay\/[^\/]+\/merged$/ && isId(id)) keep("storage", above(point, 3) "/overlay-containers")
}
END {
  keep("run", "/run/containers/storage/overlay-containers")
  keep("run", "/var/run/containers/storage/overlay-containers")
  keep("storage", "/var/lib/containers/storage/overlay-containers")
  split(ids, wanted, " ")
  for (number = 1; number in wanted; number++) {
    if (wanted[number] in task) print number, "containerd", task[wanted[number]]
    tell("run")
    tell("storage")
  }
}`;

/**
 * A program for awk, called with `number runtime pid folder` of each container. Each line that it prints begins with the section that it belongs to:
 * nothing that it reads can pose as structure. Where containerd's record names the pod's sandbox, its record beside it is read as well: what is true
 * of the pod stands there. The process of a record that is done with can be gone, another's, or dead and not yet buried, whose mount table cannot be
 * opened. That table comes through head: the suspect can make a read of it fail (a path above 4,096 bytes, until Linux 6.8), which ends some awks.
 */
const readRecords = String.raw`
function copy(section, file) {
  while ((getline line < file) > 0) print section, line
  close(file)
}
function table(number, pid, command, last, size) {
  command = "head -c " (most + 1) " /proc/" pid "/mountinfo 2>/dev/null && echo ."
  while ((command | getline line) > 0) {
    if (size > 0) print number ".mounts", last
    last = line
    size += length(line) + 1
  }
  close(command)
  if (size == 0) return
  if (last != "." || size > most + 2) print number ".mountsCut yes"
  print number ".pid", pid
}
BEGIN {
  copy("metacopy", "/sys/module/overlay/parameters/metacopy")
  copy("redirects", "/sys/module/overlay/parameters/redirect_dir")
  copy("mounts", "/proc/self/mountinfo")
  for (i = 1; i < ARGC; i += 4) {
    number = ARGV[i]
    folder = ARGV[i + 3]
    print number ".runtime", ARGV[i + 1]
    print number ".folder", folder
    copy(number ".config", folder "/config.json")
    if (ARGV[i + 1] == "containerd" && match(line, /"io\.kubernetes\.cri\.sandbox-id":"[0-9a-f]+"/)) {
      sub(/\/[^\/]*$/, "", folder)
      copy(number ".sandbox", folder "/" substr(line, RSTART + 32, RLENGTH - 33) "/config.json")
    }
    if (ARGV[i + 2] != "none") table(number, ARGV[i + 2])
  }
  print "end"
}`;

/**
 * The cgroups are read last, so that what was read before is the container's own if the cgroup is; by grep, as an awk may give up where a process
 * ends between open and read, and with our own behind them, without which they are not whole. No here-document, for which some shells write a file.
 */
const script = `
most=$1 findPlaces=$2 readRecords=$3
shift 3
ids=$*
set --
${tellTools}
places=$(awk -v "ids=$ids" "$findPlaces" /proc/self/mountinfo) || exit $?
found= cgroups=
set -f
IFS='
'
for place in $places; do
  number=\${place%% *} place=\${place#* } pid=
  runtime=\${place%% *} folder=\${place#* }
  [ "$number" != "$found" ] && [ -f "$folder/config.json" ] || continue
  found=$number
  case $runtime in containerd) pidFile=$folder/init.pid ;; *) pidFile=$folder/pidfile ;; esac
  [ ! -f "$pidFile" ] || read -r pid <"$pidFile"
  case $pid in '' | *[!0-9]*) pid=none ;; esac
  set -- "$@" "$number" "$runtime" "$pid" "$folder"
  cgroups="$cgroups /proc/$pid/cgroup"
done
unset IFS
awk -v "most=$most" "$readRecords" "$@" || exit $?
grep -saH '' $cgroups /proc/self/cgroup
said=$?
[ $said -lt 124 ] || exit $said
exit 0
`;

/** Whether a failure may be one container's doing: the others are read without it. */
function isMaybeOfOne(error: unknown): error is TriageError {
  return error instanceof TriageError && ['command-failed', 'limit-exceeded'].includes(error.code);
}

/**
 * Reads the node's mount table and tools, and the records of the containers with these ids: all by one command, and where that fails each by
 * itself, so that none stands in the way of another.
 * @throws TriageError `tool-missing` when a tool is absent or not GNU's, as another would answer differently; `transfer-truncated`, `command-failed`
 */
export async function readNodeRecords(session: NodeSession, ids: readonly string[], signal: AbortSignal): Promise<NodeRecords> {
  try {
    return await readTogether(session, ids, signal);
  } catch (error) {
    if (ids.length < 2 || !isMaybeOfOne(error)) throw error;
    return readEach(session, ids, signal);
  }
}

async function readTogether(session: NodeSession, ids: readonly string[], signal: AbortSignal): Promise<NodeRecords> {
  const argv = ['sh', '-c', script, 'podtriage', String(maxMountTable), findPlaces, readRecords, ...ids];
  const command = nodeCommand('node-records', argv, { timeoutMs: 60_000, maxBytes: 64 * MiB });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  return parseNodeRecords(stdout.toString('latin1'), ids, session.node.name);
}

async function readEach(session: NodeSession, ids: readonly string[], signal: AbortSignal): Promise<NodeRecords> {
  const { facts } = await readTogether(session, [], signal);
  const [records, failures] = [new Map<string, ContainerRecord>(), new Map<string, TriageError>()];
  for (const id of ids) {
    try {
      for (const [, record] of (await readTogether(session, [id], signal)).records) records.set(id, record);
    } catch (error) {
      if (!isMaybeOfOne(error)) throw error;
      failures.set(id, error);
    }
  }
  return { facts, records, failures };
}

/** Parses what the script printed, as latin1. Throws `transfer-truncated`, `tool-missing`. */
export function parseNodeRecords(text: string, ids: readonly string[], node: string): NodeRecords {
  const end = text.indexOf('\nend\n');
  const cgroups = cgroupsOf(text.slice(end + '\nend\n'.length));
  if (end === -1 || !cgroups.has('self')) throw new TriageError('transfer-truncated', 'node-records: the answer has no end');
  const sections = linesBySection(text.slice(0, end + 1));
  const records = ids.flatMap((id, index): [string, ContainerRecord][] => {
    const part = (name: string): string => sections.get(`${index + 1}.${name}`) ?? '';
    const record = containerRecord(part, cgroups.get(part('pid').trim()) ?? '');
    return record === undefined ? [] : [[id, record]];
  });
  return { facts: parseFacts(sections, node), records: new Map(records), failures: new Map() };
}

/** Lines of `/proc/12/cgroup:line`, by pid. The name of a cgroup holds any byte but a newline. */
function cgroupsOf(text: string): Map<string, string> {
  const cgroups = new Map<string, string>();
  // The last piece is what stands behind the last newline: nothing, or a line that was cut.
  for (const whole of text.split('\n').slice(0, -1)) {
    const [, pid, line = ''] = /^\/proc\/(\d+|self)\/cgroup:(.*)$/s.exec(whole) ?? [];
    if (pid !== undefined) cgroups.set(pid, `${cgroups.get(pid) ?? ''}${line}\n`);
  }
  return cgroups;
}
