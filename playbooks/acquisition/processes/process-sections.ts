/** What the survey's script printed, by section. */
export type Sections = ReadonlyMap<string, Buffer>;

const endOfTexts = Buffer.from('end\0\0');

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

/** `12/cmdline NUL text NUL` or `12/environ NUL text NUL`, and an end where the node read them all. */
function takeTexts(sections: Map<string, Buffer>): void {
  const texts = sections.get('texts');
  if (texts === undefined) return;
  sections.delete('texts');
  const [lines, variables]: [Buffer[], Buffer[]] = [[], []];
  eachPair(texts, (path, _text, whole) => {
    if (path.endsWith('/cmdline')) lines.push(whole);
    else if (path.endsWith('/environ')) variables.push(whole);
  });
  const ends = texts.subarray(-endOfTexts.length).equals(endOfTexts) ? [endOfTexts] : [];
  sections.set('arguments', Buffer.concat([...lines, ...ends]));
  sections.set('environments', Buffer.concat([...variables, ...ends]));
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
