import { linesBySection } from '../node/emitted.js';

/** What the survey's script printed, by section. */
export type Sections = ReadonlyMap<string, Buffer>;

/** Where the node has read all texts, they end so. */
export const endOfTexts = Buffer.from('end\0\0');

/** Takes sections apart that the script prints together: each section costs the node forks. */
export function takeApart(printed: Sections): Sections {
  const sections = new Map(printed);
  takeFirst(sections);
  takeTexts(sections);
  for (const name of ['files', 'spaces', 'facts']) takeLines(name, sections);
  return sections;
}

/**
 * Files of /proc by name, facts of the node, processes of the containers and init processes, apart by empty lines, of which none has any; where
 * grep was killed in the middle of a line, that is the last of its part.
 */
function takeFirst(sections: Map<string, Buffer>): void {
  const parts = sections.get('first');
  if (parts === undefined) return;
  sections.delete('first');
  let from = 0;
  for (const name of ['before', 'facts', 'cgroups', 'inits']) {
    const middle: number = name === 'inits' ? -1 : parts.indexOf('\n\n', from);
    const end = middle === -1 ? parts.length : middle + 1;
    sections.set(name, parts.subarray(from, end));
    from = Math.min(end + 1, parts.length);
  }
}

/** The last file of the command lines, and of the environments: by it each is known to have been read to its end. */
const lastFiles = { arguments: 'version', environments: 'self/environ' } as const;

/**
 * `12/cmdline NUL text NUL` or `12/environ NUL text NUL`, and an end where the node read them all. Where anything else stands among them, something was cut,
 * and what follows may be out of place.
 */
function takeTexts(sections: Map<string, Buffer>): void {
  const texts = sections.get('texts');
  if (texts === undefined) return;
  sections.delete('texts');
  const read: Record<keyof typeof lastFiles, Buffer[]> = { arguments: [], environments: [] };
  const ended = new Set<string>();
  let isCut = !texts.subarray(-endOfTexts.length).equals(endOfTexts);
  eachPair(texts, (path, _text, whole) => {
    const [, file] = /^\d{1,10}\/(cmdline|environ)$/.exec(path) ?? [];
    if (file !== undefined) read[file === 'cmdline' ? 'arguments' : 'environments'].push(whole);
    else if (path === lastFiles.arguments || path === lastFiles.environments) ended.add(path);
    else isCut ||= path !== 'end';
  });
  for (const name of ['arguments', 'environments'] as const) {
    const ends = isCut || !ended.has(lastFiles[name]) ? [] : [endOfTexts];
    sections.set(name, Buffer.concat([...read[name], ...ends]));
  }
}

/** Gives each `path NUL text NUL`: the path, the text with its NUL, and both as they stand. What was cut is left out. */
export function eachPair(data: Buffer, take: (path: string, text: Buffer, whole: Buffer) => void): void {
  for (let at = 0; at < data.length; ) {
    const middle = data.indexOf(0, at);
    const end = middle === -1 ? -1 : data.indexOf(0, middle + 1);
    if (end === -1) return;
    take(data.toString('latin1', at, middle), data.subarray(middle + 1, end + 1), data.subarray(at, end + 1));
    at = end + 1;
  }
}

/** What is in lines of which each begins with the section that it belongs to; nothing in them is more than ASCII. */
function takeLines(name: string, sections: Map<string, Buffer>): void {
  const printed = sections.get(name);
  if (printed === undefined) return;
  sections.delete(name);
  // Those that say by their end that they are whole must be there to lack it.
  if (name === 'files') for (const each of ['identities', 'filesystems']) sections.set(each, Buffer.alloc(0));
  for (const [section, lines] of linesBySection(printed.toString('latin1'))) sections.set(section, Buffer.from(lines));
}
