/** A shell function, `emit NAME`: prints its input as a line of `name base64`, so that no content can pose as structure. */
export const emit = "emit() { printf '%s ' \"$1\"; base64 -w0; printf '\\n'; }";

/** Takes one line of {@link emit}, without its end. One that is not so is left out. */
export function addEmitted(line: string, into: Map<string, Buffer>): void {
  const at = line.indexOf(' ');
  if (at > 0) into.set(line.slice(0, at), Buffer.from(line.slice(at + 1), 'base64'));
}

/** Parses lines of {@link emit}. */
export function parseEmitted(text: string): Map<string, Buffer> {
  const values = new Map<string, Buffer>();
  for (const line of text.split('\n')) addEmitted(line, values);
  return values;
}
