/** What the survey's script printed, by section. */
export type Sections = ReadonlyMap<string, Buffer>;

/** Where the node has read all texts, they end so. */
export const endOfTexts = Buffer.from('end\0\0');

/** Takes sections apart that the script prints together: each section costs the node forks. */
export function takeApart(printed: Sections): Sections {
  const sections = new Map(printed);
  takeCgroups(sections);
  takeTexts(sections);
  for (const name of ['files', 'spaces']) takeLines(name, sections);
  return sections;
}

/** The processes of the containers, an empty line, and the init processes once more. */
function takeCgroups(sections: Map<string, Buffer>): void {
  const both = sections.get('cgroups');
  const middle = both?.indexOf('\n\n') ?? -1;
  if (both === undefined || middle === -1) return;
  sections.set('cgroups', both.subarray(0, middle + 1));
  sections.set('inits', both.subarray(middle + 2));
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

/** Lines of which each begins with the section that it belongs to. A last line without its end was cut, and is left out. */
function takeLines(name: string, sections: Map<string, Buffer>): void {
  const printed = sections.get(name);
  if (printed === undefined) return;
  sections.delete(name);
  const text = printed.toString('latin1');
  // Those that say by their end that they are whole must be there to lack it.
  const bySection = new Map<string, string[]>(name === 'files' ? ['identities', 'filesystems'].map((each) => [each, []]) : []);
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const section = line.slice(0, space);
    const lines = bySection.get(section) ?? [];
    lines.push(line.slice(space + 1));
    bySection.set(section, lines);
  }
  for (const [section, lines] of bySection) sections.set(section, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1'));
}
