import { z } from 'zod';

/** A name as the suspect wrote it: exact bytes for machines, a form without control characters for people. */
export interface PathName {
  /** The raw bytes, base64. This is the identity; two names are equal only if these are. */
  readonly b64: string;
  /** Safe in terminals, logs, Markdown and HTML text. Never parsed back. */
  readonly text: string;
}

/** Parses a {@link PathName} at a border. */
export const pathNameSchema = z.object({
  b64: z.base64().max(90_000),
  text: z.string().max(400_000),
});

/** Also what shows as nothing or as a blank that is none: fillers, variation selectors, blanks of other widths. */
const unsafe = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{DI}\p{Zl}\p{Zp}\u2800\\]|(?! )\p{Zs}/u;

/** What nearly all names are made of: nothing in it needs an escape. */
const printableAscii = /^[\x20-\x5b\x5d-\x7e]*$/;

/** Makes a {@link PathName} of raw bytes. Bytes that are no UTF-8, controls, format, bidi and invisible characters and backslashes are written as `\xNN`. */
export function pathName(bytes: Uint8Array): PathName {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { b64: buffer.toString('base64'), text: displayText(buffer) };
}

/** Returns the raw bytes of a name. */
export function pathBytes(name: PathName): Buffer {
  return Buffer.from(name.b64, 'base64');
}

/** The printable form of any bytes or text from outside; see {@link pathName}. */
export function displayText(input: Uint8Array | string): string {
  const bytes = typeof input === 'string' ? Buffer.from(input, 'utf8') : Buffer.from(input);
  const plain = bytes.toString('latin1');
  if (printableAscii.test(plain)) return plain;
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at);
    out += character === undefined ? escaped(bytes.subarray(at, at + 1)) : printable(character);
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return out;
}

function characterAt(bytes: Buffer, at: number): string | undefined {
  const lead = bytes[at] ?? 0;
  const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return undefined;
  const slice = bytes.subarray(at, at + length);
  const character = slice.toString('utf8');
  return Buffer.from(character, 'utf8').equals(slice) ? character : undefined;
}

function printable(character: string): string {
  return unsafe.test(character) ? escaped(Buffer.from(character, 'utf8')) : character;
}

function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
