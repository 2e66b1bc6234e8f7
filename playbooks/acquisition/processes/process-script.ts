import { TriageError } from '../../domain/error.js';
import type { NodeContainer } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { cgroupPattern } from '../node/cgroup.js';
import { addEmitted, emit } from '../node/emitted.js';
import { checkExit, nodeCommand, whileRunning } from '../node/node-command.js';

/** Bounds of one survey: a pod that has more than this is not whole in the answer, which says so. */
export const processBounds = {
  processes: 2_000,
  argumentBytes: 4_096,
  environmentNames: 200,
  /** Of all processes together. */
  textBytes: 12 * 1024 * 1024,
  descriptorBytes: 2 * 1024 * 1024,
  tableBytes: 512 * 1024,
  namespaces: 8,
} as const;

/** Exit status of the script where the node has not the tools that it speaks to. */
const toolMissing = 96;

/**
 * Reads the processes of containers from /proc of the node, everything of one process between two looks at its start time. Output as
 * `section base64` lines, and in these names and texts apart by NUL: nothing of the suspect's can pose as structure. All processes go through
 * one grep or find at a time, as a node feels each fork.
 *
 * A process can make a reader of its memory or of its executable wait for ever (by a page or a file of a FUSE of its own), and can have more
 * arguments than anyone wants to read. Then the last record, `end`, is missing, and it is asked again in the careful way: one process at a time,
 * each with a time limit, so that it hides nobody but itself.
 *
 * Of the environment only what stands before the first `=` of a variable is printed. Old greps (before 2.27) take each line of a value for a
 * variable, so this one is tried first.
 */
const script = `
export LC_ALL=C
pattern=$1 most=$2 careful=$3 arguments=$4 names=$5 texts=$6 descriptors=$7 table=$8 spaces=$9
shift 9
${emit}
each() { for pid in $pids; do printf '%s/%s\\0' "$pid" "$1"; done; }
look() { each "$1" | xargs -0 -r sh -c "exec find \\"\\$@\\" $2" podtriage; }
quick() { xargs -0 -r sh -c 'timeout -k 1 20 "$@"; case $? in 124 | 137) exit 255 ;; esac; exit 0' podtriage "$@"; }
slow() { for pid in $pids; do printf '%s/%s\\0' "$pid" "$1" | xargs -0 timeout -k 1 5 $2; done; }
case $(grep --version) in *'GNU grep'*) ;; *) exit ${toolMissing} ;; esac
awk 'BEGIN { exit }' || exit ${toolMissing}
cd /proc || exit 1
found=$(printf '%s\\0' [0-9]*/cgroup | xargs -0 -r grep -sHE -m 1 -e "$pattern" | head -n 20000 | sort -t / -k 1,1n | head -n "$most")
pids=$(printf '%s\\n' "$found" | cut -d / -f 1)
each stat | xargs -0 -r grep -saZH '' | emit before
printf '%s\\n' "$found" | emit cgroups
while [ $# -ge 2 ]; do
  grep -sHE -m 1 -e "$pattern" "$1/cgroup" | emit "init.$1"
  if [ -n "$2" ]; then stat --printf '%d' -- "$2" | emit "root.$1"; fi
  shift 2
done
each status | xargs -0 -r grep -saZHE '^(Uid|NSpid):' | emit status
look exe '-maxdepth 0 -printf %p\\\\0%l\\\\0' | emit executables
look cwd '-maxdepth 0 -printf %p\\\\0%l\\\\0' | emit directories
look fd '-mindepth 1 -maxdepth 1 -lname socket:\\* -printf %h\\ %l\\\\n' | head -c "$descriptors" | emit descriptors
networks=$(look ns/net '-maxdepth 0 -printf %l\\ %p\\\\n')
printf '%s\\n' "$networks" | emit networks
printf '%s\\n' "$networks" | sort -u -k 1,1 | head -n "$spaces" | while read -r space path; do
  for protocol in tcp tcp6 udp udp6; do
    file=\${path%/ns/net}/net/$protocol
    if [ -e "$file" ]; then { awk 'NR > 1 { print $2, $3, $4, $10 }' "$file" && echo end; } | head -c "$table" | emit "table.$protocol.$space"; fi
  done
done
mounts=$(look ns/mnt '-maxdepth 0 -printf %l\\ %p\\\\n')
printf '%s\\n' "$mounts" | emit mounts
printf '%s\\n' "$mounts" | sort -u -k 1,1 | head -n "$spaces" | while read -r space path; do
  awk '{ print $3 }' "\${path%/ns/mnt}/mountinfo" | sort -u | head -c "$table" | emit "devices.$space"
done
variable='^[^=]{1,128}='
[ "$(printf 'a\\nb=\\0' | grep -zacE '^b=')" = 0 ] || variable='^$a'
if [ "$careful" = yes ]; then
  { slow exe 'stat -L --printf %n\\040%d:%i\\040%h\\040%s\\n'; printf 'end 0\\n'; } | emit identities
  { slow exe 'stat -L -f --printf %n\\040%T\\n'; printf 'end 0\\n'; } | emit filesystems
  for pid in $pids; do timeout -k 1 5 head -c "$arguments" "$pid/cmdline" | emit "arguments.$pid"; done
  { slow environ "grep -szZaHoE -m $names $variable"; printf 'end\\0\\0'; } | head -c "$texts" | emit environments
else
  { each exe | quick stat -L --printf '%n %d:%i %h %s\\n' && printf 'end 0\\n'; } | emit identities
  { each exe | quick stat -L -f --printf '%n %T\\n' && printf 'end 0\\n'; } | emit filesystems
  { each cmdline | quick grep -szZaH '' && printf 'end\\0\\0'; } | head -c "$texts" | emit arguments
  { each environ | quick grep -szZaHoE -m "$names" "$variable" && printf 'end\\0\\0'; } | head -c "$texts" | emit environments
fi
each stat | xargs -0 -r grep -saZH '' | emit after
grep '^btime ' stat | emit boot
getconf CLK_TCK | emit ticks
printf '' | emit end
`;

/** What the script printed, by section. */
export type Sections = ReadonlyMap<string, Buffer>;

/**
 * Runs the survey over the containers' processes, at most one above `processBounds.processes`, so that it shows when there are more.
 * @param careful the way that a hostile process cannot hold up; it costs the node several forks a process
 * @throws TriageError `transfer-truncated` for an answer without its end, `tool-missing`, and what a node command can end with
 */
export async function runSurvey(
  session: NodeSession,
  containers: readonly NodeContainer[],
  careful: boolean,
  signal: AbortSignal,
): Promise<Sections> {
  const { processes, argumentBytes, environmentNames, textBytes, descriptorBytes, tableBytes, namespaces } = processBounds;
  const bounds = [processes + 1, careful ? 'yes' : 'no', argumentBytes + 1, environmentNames + 1, textBytes, descriptorBytes, tableBytes, namespaces];
  const inits = containers.flatMap(({ pid, rootfs, overlay }) => (pid === undefined ? [] : [String(pid), rootfs ?? overlay?.merged ?? '']));
  const argv = ['sh', '-c', script, 'podtriage', cgroupPattern(containers.map(({ id }) => id)), ...bounds.map(String), ...inits];
  const command = nodeCommand('list-processes', argv, { timeoutMs: 10 * 60_000 });
  const running = await session.start(command, signal);
  const sections = new Map<string, Buffer>();
  const { outcome } = await whileRunning(running, readSections(running.stdout, sections));
  if (outcome.exitCode === toolMissing) {
    throw new TriageError('tool-missing', `node ${session.node.name}: to list processes, grep must be GNU's, and there must be an awk`);
  }
  checkExit(command, session.node.name, outcome);
  if (!sections.has('end')) throw new TriageError('transfer-truncated', 'list-processes: the answer has no end');
  return sections;
}

/** Takes lines of `section base64` as they come, so that no answer is in memory twice. A line that is not so is left out. */
export async function readSections(stdout: AsyncIterable<Uint8Array>, into: Map<string, Buffer>): Promise<void> {
  let pending: Buffer[] = [];
  for await (const chunk of stdout) {
    let data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10)) {
      addEmitted(Buffer.concat([...pending, data.subarray(0, end)]).toString('latin1'), into);
      pending = [];
      data = data.subarray(end + 1);
    }
    if (data.length > 0) pending.push(Buffer.from(data));
  }
}
