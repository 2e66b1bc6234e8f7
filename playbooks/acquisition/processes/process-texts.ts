import { eachPair, type Sections } from './process-sections.js';

/** Texts of processes, by pid, and which of them were not read to their end. */
export interface Texts {
  readonly texts: ReadonlyMap<number, Buffer>;
  readonly unread: ReadonlySet<number>;
}

/** What comes after the names of a process: none of them is without `=`. */
const endOfNames = Buffer.from('end\0');

/** The arguments of each process, each ended by NUL. In the careful way the digit behind those of a process says that they were read, or not. */
export function argumentsIn(sections: Sections): Texts {
  const own = ownSections(sections, 'arguments.');
  return {
    texts: new Map([...textsByProcess(sections.get('arguments')), ...own.map(([pid, data]) => [pid, data.subarray(0, -1)] as const)]),
    unread: unreadOf(own, (data) => data.subarray(-1).toString('latin1') === '0'),
  };
}

/** The names of the variables of each process with their `=`, each ended by NUL. */
export function variablesIn(sections: Sections): Texts {
  const own = ownSections(sections, 'environments.');
  const isWhole = (data: Buffer): boolean => data.subarray(-endOfNames.length).equals(endOfNames);
  const named = own.map(([pid, data]) => [pid, isWhole(data) ? data.subarray(0, -endOfNames.length) : data] as const);
  return { texts: new Map([...textsByProcess(sections.get('environments')), ...named]), unread: unreadOf(own, isWhole) };
}

/** Puts `12/cmdline NUL text NUL ...` of grep together by process, the texts as they stood with their NULs. */
function textsByProcess(data: Buffer = Buffer.alloc(0)): Map<number, Buffer> {
  const parts = new Map<number, Buffer[]>();
  eachPair(data, (path, text) => {
    const pid = Number.parseInt(path, 10);
    if (Number.isNaN(pid)) return;
    const known = parts.get(pid) ?? [];
    known.push(text);
    parts.set(pid, known);
  });
  return new Map([...parts].map(([pid, texts]) => [pid, Buffer.concat(texts)]));
}

function ownSections(sections: Sections, prefix: string): [number, Buffer][] {
  return [...sections].filter(([name]) => name.startsWith(prefix)).map(([name, data]) => [Number(name.slice(prefix.length)), data]);
}

function unreadOf(own: readonly [number, Buffer][], isRead: (data: Buffer) => boolean): Set<number> {
  return new Set(own.filter(([, data]) => !isRead(data)).map(([pid]) => pid));
}
