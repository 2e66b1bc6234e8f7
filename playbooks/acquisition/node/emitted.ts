/** A shell function, `emit NAME`: prints its input as a line of `name base64`, so that no content can pose as structure. */
export const emit = "emit() { printf '%s ' \"$1\"; base64 -w0; printf '\\n'; }";

/** Takes one line of {@link emit}, without its end. One that is not so is left out. */
export function addEmitted(line: string, into: Map<string, Buffer>): void {
  const at = line.indexOf(' ');
  if (at > 0) into.set(line.slice(0, at), Buffer.from(line.slice(at + 1), 'base64'));
}

/**
 * Takes lines apart of which each begins with the section that it belongs to. A last line without its end was cut, and is left out.
 * @param latin1 of the raw bytes
 * @returns the lines of each section, each with its end, as the UTF-8 that they are
 */
export function linesBySection(latin1: string): Map<string, string> {
  const sections = new Map<string, string[]>();
  for (const line of latin1.slice(0, latin1.lastIndexOf('\n') + 1).split('\n')) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const section = line.slice(0, space);
    const lines = sections.get(section) ?? [];
    lines.push(`${line.slice(space + 1)}\n`);
    sections.set(section, lines);
  }
  return new Map([...sections].map(([section, lines]) => [section, Buffer.from(lines.join(''), 'latin1').toString('utf8')]));
}
