import { TriageError } from '../../domain/error.js';
import type { Socket } from '../../domain/process.js';
import { lastFound, processBounds } from './process-script.js';
import { eachPair, endOfTexts, type Sections } from './process-sections.js';
import { parseTable } from './process-sockets.js';
import { linesByFile } from './process-stat.js';
import { argumentsIn, type Texts, variablesIn } from './process-texts.js';

/** The sections of a survey, parsed. Keys are paths below /proc, such as `12/exe`. */
export interface Survey {
  readonly sections: Sections;
  /** What /proc says of each before and after all else was read: its stat, and before that its status, too. */
  readonly before: ReadonlyMap<string, Buffer>;
  readonly after: ReadonlyMap<string, Buffer>;
  /** Texts of links, raw. */
  readonly links: ReadonlyMap<string, Buffer>;
  /** `device:inode links size`. */
  readonly identities: ReadonlyMap<string, string>;
  readonly filesystems: ReadonlyMap<string, string>;
  readonly arguments: Texts;
  readonly variables: Texts;
  /** False when a process kept the readers waiting, or had too much to read: then the careful way is the one to go. */
  readonly whole: boolean;
  /** Mount namespaces, and the devices (`major:minor`) that are mounted in each. */
  readonly mounts: ReadonlyMap<string, string>;
  readonly devices: ReadonlyMap<string, ReadonlySet<string>>;
  /** The node's boot, in seconds since 1970. */
  readonly boot: number;
  readonly ticksPerSecond: number;
  /** By pid. */
  readonly sockets: ReadonlyMap<number, readonly Socket[]>;
  /** False when a bound left sockets out. */
  readonly allSockets: boolean;
  /** False when not all namespaces of the processes are known. */
  readonly allSpaces: boolean;
}

/** Parses what the survey's script printed. Throws `transfer-truncated` where not all of the processes can be in it. */
export function parseSurvey(sections: Sections): Survey {
  const section = (name: string) => sections.get(name) ?? Buffer.alloc(0);
  const text = (name: string) => section(name).toString('latin1');
  const networks = spaces(text('networks'));
  const [before, after, links] = [linesByFile(section('before')), linesByFile(section('after')), linkTexts(section('links'))];
  const boot = /^btime (\d{1,12})/.exec(before.get('stat')?.toString('latin1') ?? '')?.[1];
  const filesEnd = [before, after, links].every((files) => files.has('version')) && before.has('uptime');
  const foundEnds = text('cgroups').endsWith(`${lastFound}\n`) && /^version:/m.test(text('inits'));
  if (boot === undefined || !filesEnd || !foundEnds) {
    throw new TriageError('transfer-truncated', 'list-processes: a program that read /proc was ended on the node before it had read all');
  }
  return {
    sections,
    before,
    after,
    links,
    identities: keyedLines(text('identities')),
    filesystems: keyedLines(text('filesystems')),
    arguments: argumentsIn(sections),
    variables: variablesIn(sections),
    whole: isWhole(sections),
    mounts: spaces(text('mounts')),
    devices: devicesOf(sections),
    boot: Number(boot),
    // 100 on every architecture that Linux runs on today; getconf is asked as that could change.
    ticksPerSecond: Number(/^[1-9]\d{0,5}$/m.exec(text('ticks'))?.[0] ?? 100),
    sockets: socketsByProcess(sections, text('descriptors'), networks),
    allSockets: hasAllSockets(sections, networks),
    allSpaces: hasAllSpaces(sections),
  };
}

/** Parses `path NUL text NUL ...` of find. A pair that was cut is left out. */
export function linkTexts(data: Buffer): Map<string, Buffer> {
  const links = new Map<string, Buffer>();
  eachPair(data, (path, text) => links.set(path, text.subarray(0, -1)));
  return links;
}

const endOfLines = Buffer.from('end 0\n');
const endOfSpaces = Buffer.from('end\n');

function isWhole(sections: Sections): boolean {
  const ends = (name: string, end: Buffer) => sections.get(name)?.subarray(-end.length).equals(end) ?? true;
  return (
    ['identities', 'filesystems'].every((name) => ends(name, endOfLines)) && ['arguments', 'environments'].every((name) => ends(name, endOfTexts))
  );
}

/** Lines of `path value`, in which nothing is the suspect's. */
function keyedLines(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.includes(' '));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
}

/** Lines of `net:[4026531840] 12/ns/net`, as namespaces by pid. */
function spaces(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([a-z]+:\[\d+\]) (\d+)\/ns\//gm)].map(([, space = '', pid = '']) => [pid, space]));
}

function devicesOf(sections: Sections): Map<string, ReadonlySet<string>> {
  // A process that has changed its root (chroot(2)) may show no mounts at all.
  const named = [...sections].filter(([name, { length }]) => name.startsWith('devices.') && length > 0);
  return new Map(named.map(([name, data]) => [name.slice('devices.'.length), new Set(data.toString('latin1').split('\n'))]));
}

const protocols = ['tcp', 'tcp6', 'udp', 'udp6'] as const;

/** Joins the tables of each network namespace to the processes in it, by the inodes of their descriptors. */
function socketsByProcess(sections: Sections, descriptors: string, networks: ReadonlyMap<string, string>): Map<number, Socket[]> {
  const tables = new Map<string, ReadonlyMap<string, Socket>>();
  const tableOf = (space: string) => {
    const rows = tables.get(space) ?? tableRows(sections, space);
    tables.set(space, rows);
    return rows;
  };
  const byProcess = new Map<number, Map<string, Socket>>();
  for (const [, pid = '', inode = ''] of descriptors.matchAll(/^(\d+)\/fd socket:\[(\d+)\]$/gm)) {
    const socket = tableOf(networks.get(pid) ?? '').get(inode);
    if (socket === undefined) continue;
    const mine = byProcess.get(Number(pid)) ?? new Map<string, Socket>();
    byProcess.set(Number(pid), mine.set(inode, socket));
  }
  return new Map([...byProcess].map(([pid, sockets]) => [pid, [...sockets.values()].sort(bySocket)]));
}

function tableRows(sections: Sections, space: string): ReadonlyMap<string, Socket> {
  const rows = protocols.flatMap((protocol) => parseTable(protocol, sections.get(`table.${protocol}.${space}`)?.toString('latin1') ?? ''));
  return new Map(rows.map(({ inode, socket }) => [inode, socket]));
}

function bySocket(a: Socket, b: Socket): number {
  const [left, right] = [a, b].map(({ state, protocol, local, remote }) => [state === 'LISTEN' ? 0 : 1, protocol, local, remote].join(' ')) as [
    string,
    string,
  ];
  return left < right ? -1 : Number(left > right);
}

function hasAllSockets(sections: Sections, networks: ReadonlyMap<string, string>): boolean {
  const { descriptorBytes } = processBounds;
  const tables = [...sections].filter(([name]) => name.startsWith('table.'));
  const within = tables.every(([, rows]) => /(^|\n)end\n$/.test(rows.toString('latin1', Math.max(0, rows.length - 5))));
  return (
    within &&
    hasAllSpaces(sections) &&
    (sections.get('descriptors')?.length ?? 0) < descriptorBytes &&
    [...networks.values()].every((space) => sections.has(`table.tcp.${space}`))
  );
}

function hasAllSpaces(sections: Sections): boolean {
  return sections.get('spaces')?.equals(endOfSpaces) === true;
}
