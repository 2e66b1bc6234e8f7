/** What a line of a hash list holds. */
export type HashLine = 'hash' | 'nothing' | 'invalid';

const digits = 64;
const [tab, carriageReturn, space, number, asterisk, backslash] = [0x09, 0x0d, 0x20, 0x23, 0x2a, 0x5c];

/** The value of each hexadecimal digit, 255 of what is none. */
const nibbles = Uint8Array.from({ length: 256 }, (_none, byte) => {
  const char = String.fromCharCode(byte);
  return /[0-9a-fA-F]/.test(char) ? Number.parseInt(char, 16) : 255;
});

/**
 * Reads a line, `bytes` from `from` to `to` without its newline, into the 32 bytes of `into`: a sha256 alone, or as sha256sum prints it, with
 * two characters and a name after it, and a backslash before it where the name is escaped (coreutils manual, "md5sum invocation").
 * Blank lines and those that begin with `#` hold nothing.
 */
export function readHashLine(bytes: Uint8Array, from: number, to: number, into: Uint8Array): HashLine {
  const end = to > from && bytes[to - 1] === carriageReturn ? to - 1 : to;
  let at = from;
  while (at < end && isBlank(bytes[at])) at += 1;
  if (at === end || bytes[at] === number) return 'nothing';
  if (bytes[at] === backslash) at += 1;
  if (end - at < digits) return 'invalid';
  for (let index = 0; index < digits / 2; index += 1) {
    const [high, low] = [nibbles[bytes[at + 2 * index] ?? 0] ?? 255, nibbles[bytes[at + 2 * index + 1] ?? 0] ?? 255];
    if (high === 255 || low === 255) return 'invalid';
    into[index] = high * 16 + low;
  }
  return endsRightly(bytes, at + digits, end) ? 'hash' : 'invalid';
}

function endsRightly(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (at < end && isBlank(bytes[at])) at += 1;
  if (at === end) return true;
  const mark = bytes[from + 1];
  return bytes[from] === space && (mark === space || mark === asterisk) && from + 2 < end;
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}
