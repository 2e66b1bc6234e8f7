import { TriageError } from '../../domain/error.js';
import type { NodeContainer } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { cgroupPattern } from '../node/cgroup.js';
import { addEmitted, emit } from '../node/emitted.js';
import { checkExit, nodeCommand, whileRunning } from '../node/node-command.js';
import { readSpaces } from './namespace-script.js';
import { type Sections, takeApart } from './process-sections.js';

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

/** Memory of a grep that reads what a process says of itself, in KiB: it takes a text without NUL in whole, and gives up where there is none left. */
const greppedKiB = 524_288;

/** Exit status of the script where the node has not the tools that it speaks to. */
const toolMissing = 96;

/** Of what was killed, the next command must not speak: it could end well. */
const unlessKilled = 'said=$?; [ $said -lt 124 ] || exit $said';

/** Of many files at once. Each line begins with the section that it belongs to. */
const statFiles = `stat -L --printf "identities %n %d:%i %h %s\\n" "$@"; ${unlessKilled}; stat -L -f --printf "filesystems %n %T\\n" "$@"`;

/** Of many processes at once. Each of the two greps has a last file (`version`, `self/environ`) that only one that came so far names. */
const readTexts = `ulimit -v ${greppedKiB}
lines= all=
for pid do lines="$lines $pid/cmdline" all="$all $pid/environ"; done
grep -szZaH "" $lines version; ${unlessKilled}
grep -szZaHoE -m "$names" "$variable" $all self/environ`;

/** What `version` holds: of the kernel, and in no cgroup's name. */
const lastLine = '^Linux version ';

/** What stands for it among the lines of processes: above all pids, so that whoever sorts them has come to their end, too. */
export const lastFound = '9999999999/end';

/** What find says of namespaces and of descriptors. */
const findSpaces = String.raw`-maxdepth 1 '(' -path '*/ns/*' -printf '%l %p\n' -o -lname 'socket:*' -printf '%h %l\n' ')'`;

/**
 * Reads the processes of containers from /proc of the node, everything of one process between two looks at its start time. Output as
 * `section base64` lines, and in these names and texts apart by NUL: nothing of the suspect's can pose as structure. All processes go through
 * one grep or find at a time, and sections share commands (process-sections.ts takes them apart), as a node feels each fork. Where there are none,
 * /dev/null stands for them: without a name find would walk all of /proc.
 *
 * A process can make a reader of its memory or of its executable wait for ever (by a page or a file of a FUSE of its own), and can have more
 * arguments than anyone wants to read. Then the last record, `end`, is missing, and it is asked again in the careful way: one process at a time,
 * each with a time limit, so that it hides nobody but itself.
 *
 * What the kernel says of itself can be read at once, and a reader of it that is killed (the node was short of memory) would make processes
 * look ended: each has a last file (`version`, `uptime`) that only one that came so far prints.
 *
 * Of the environment only what stands before the first `=` of a variable is printed. Old greps (before 2.27) take each line of a value for a
 * variable, so this one is tried first.
 */
const script = String.raw`
export LC_ALL=C
pattern=$1 most=$2 careful=$3 arguments=$4 names=$5 texts=$6 descriptors=$7 table=$8 spaces=$9
shift 9
readSpaces=$1 statFiles=$2 readTexts=$3
shift 3
${emit}
files() { words=/dev/null; [ -z "$pids" ] || words=$(for name do printf "%s/$name " $pids; done) || exit 1; }
quick() { timeout -k 1 20 sh -c "$@"; [ $? -lt 124 ]; }
named() (ulimit -v ${greppedKiB}; exec timeout -k 1 5 grep -szaoE -m "$names" "$variable" "$1")
slow() { for pid in $pids; do timeout -k 1 5 $2 "$pid/$1"; done; }
begin() { printf '%s ' "$1"; }
case $(grep --version) in *'GNU grep'*) ;; *) exit ${toolMissing} ;; esac
awk 'BEGIN { exit }' || exit ${toolMissing}
cd /proc || exit 1
found=$(printf '%s\0' [0-9]*/cgroup version | xargs -0 -r grep -sHE -m 1 -e "$pattern" -e '${lastLine}' |
  awk 'sub(/^version:.*/, "${lastFound}") || NR <= 20000' | sort -t / -k 1,1n | awk -v "most=$most" 'NR <= most || $0 == "${lastFound}"')
pids=
set -f
IFS='
'
for line in $found; do [ "$line" = ${lastFound} ] || pids="$pids ${'$'}{line%%/*}"; done
unset IFS
files stat; stats=$words
files status
inits=
begin first
{
  grep -saZH '' $stats version
  grep -saZHE '^(Uid|NSpid):|^btime |^[0-9.]+ [0-9.]+$' $words stat uptime
  printf '\n\n'
  while [ $# -ge 2 ]; do
    inits="$inits $1/cgroup"
    [ -z "$2" ] || stat --printf "root.$1 %d\n" -- "$2"
    shift 2
  done
  printf 'ticks '; getconf CLK_TCK || echo
  printf '\n%s\n\n' "$found"
  grep -sHE -m 1 -e "$pattern" -e '${lastLine}' $inits version
} | base64 -w0
echo
files exe cwd
begin links; find $words version -maxdepth 0 -printf '%p\0%l\0' | base64 -w0; echo
files ns/net ns/mnt fd
begin spaces
{ find $words ${findSpaces}; [ $? -ge 124 ] || echo end; } |
  awk -v "spaces=$spaces" -v "most=$table" -v "limit=$descriptors" "$readSpaces" | base64 -w0
echo
variable='^[^=]{1,128}='
[ "$(printf 'a\nb=\0' | grep -zacE '^b=')" = 0 ] || variable='^$a'
if [ "$careful" = yes ]; then
  { slow exe 'stat -L --printf %n\040%d:%i\040%h\040%s\n'; printf 'end 0\n'; } | emit identities
  { slow exe 'stat -L -f --printf %n\040%T\n'; printf 'end 0\n'; } | emit filesystems
  set -- $pids
  each=$((texts / ($# + 1)))
  for pid do
    { timeout -k 1 5 head -c "$arguments" "$pid/cmdline" && printf 0 || printf 1; } | emit "arguments.$pid"
    { named "$pid/environ"; [ $? -ge 2 ] || printf 'end\0'; } | head -c "$each" | emit "environments.$pid"
  done
else
  export names variable
  files exe
  begin files; { quick "$statFiles" podtriage $words && printf 'identities end 0\nfilesystems end 0\n'; } | base64 -w0; echo
  begin texts; { quick "$readTexts" podtriage $pids && printf 'end\0\0'; } | head -c "$texts" | base64 -w0; echo
fi
begin after; grep -saZH '' $stats version | base64 -w0; echo
begin end; echo
`;

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
  const fixed = [...bounds.map(String), readSpaces, statFiles, readTexts];
  const argv = ['sh', '-c', script, 'podtriage', cgroupPattern(containers.map(({ id }) => id)), ...fixed, ...inits];
  const command = nodeCommand('list-processes', argv, { timeoutMs: 10 * 60_000 });
  const running = await session.start(command, signal);
  const sections = new Map<string, Buffer>();
  const { outcome } = await whileRunning(running, readSections(running.stdout, sections));
  if (outcome.exitCode === toolMissing) {
    throw new TriageError('tool-missing', `node ${session.node.name}: to list processes, grep must be GNU's, and there must be an awk`);
  }
  checkExit(command, session.node.name, outcome);
  if (!sections.has('end')) throw new TriageError('transfer-truncated', 'list-processes: the answer has no end');
  return takeApart(sections);
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
