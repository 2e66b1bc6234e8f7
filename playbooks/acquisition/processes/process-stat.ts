/** What /proc/PID/stat says of a process (proc_pid_stat(5)). */
export interface ProcessStat {
  /** Raw bytes of the name; a process can set it to anything, brackets, spaces and line ends included. */
  readonly name: Buffer;
  readonly zombie: boolean;
  readonly parent: number;
  /** Clock ticks since the node's boot, as text: with the pid it is the identity of a process. */
  readonly startTicks: string;
}

/** Parses a stat line. The name ends at the last `)`: all that follows it is numbers of the kernel. Undefined for what is no such line. */
export function parseStat(line: Buffer): ProcessStat | undefined {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  if (open === -1 || close < open) return undefined;
  const fields = line
    .subarray(close + 2)
    .toString('latin1')
    .split(' ');
  // Field 3 of the manual is the first here: the state; 4 is the parent, 22 the start.
  const [state = '', parent = ''] = fields;
  const startTicks = fields[22 - 3] ?? '';
  if (!/^[A-Za-z]$/.test(state) || !/^\d{1,10}$/.test(parent) || !/^\d{1,20}$/.test(startTicks)) return undefined;
  return { name: line.subarray(open + 1, close), zombie: state === 'Z' || state === 'X', parent: Number(parent), startTicks };
}

/** Parses `name NUL line LF ...` as `grep -aZH ''` prints it of several files; the lines of one file are put together again. */
export function linesByFile(data: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer[]>();
  for (let at = 0; at < data.length; ) {
    const nul = data.indexOf(0, at);
    const end = nul === -1 ? -1 : data.indexOf(10, nul);
    if (end === -1) break;
    const name = data.toString('latin1', at, nul);
    files.set(name, [...(files.get(name) ?? []), data.subarray(nul + 1, end)]);
    at = end + 1;
  }
  return new Map([...files].map(([name, lines]) => [name, joined(lines)]));
}

function joined(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [Buffer.from('\n'), line])));
}

/** Parses the lines `Uid:` and `NSpid:` of /proc/PID/status: the effective uid, and the pid in the innermost pid namespace where there is one. */
export function parseStatus(text: string): { uid?: number; containerPid?: number } {
  const uid = /^Uid:\t\d+\t(\d+)\t/m.exec(text)?.[1];
  const pids = /^NSpid:\t([\d\t]+)$/m.exec(text)?.[1]?.split('\t') ?? [];
  const inner = pids.length > 1 ? pids.at(-1) : undefined;
  return { ...(uid === undefined ? {} : { uid: Number(uid) }), ...(inner === undefined ? {} : { containerPid: Number(inner) }) };
}

/**
 * When a process started, to the second: the kernel gives the node's boot in whole seconds.
 * @param boot seconds since 1970
 * @param ticksPerSecond `getconf CLK_TCK`
 */
export function startTime(startTicks: string, boot: number, ticksPerSecond: number): string {
  const ms = Math.round((boot + Number(startTicks) / ticksPerSecond) * 1000);
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 ? new Date(0).toISOString() : date.toISOString();
}

/**
 * Splits /proc/PID/cmdline or a list of names at NUL, each as it stands.
 * @param max bytes to keep; what is beyond, and the part that it cuts, is said by `cut`
 */
export function splitArguments(data: Buffer, max: number): { parts: Buffer[]; cut: boolean } {
  const cut = data.length > max;
  const kept = data.subarray(0, max);
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = kept.indexOf(0); at !== -1; at = kept.indexOf(0, from)) {
    parts.push(kept.subarray(from, at));
    from = at + 1;
  }
  // A process that writes over its arguments may leave no NUL at their end.
  if (from < kept.length) parts.push(kept.subarray(from));
  return { parts, cut };
}
