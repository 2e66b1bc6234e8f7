/** Bits of a byte's class; see {@link charClasses}. */
export const alnum = 1;
export const digit = 2;
/** What a host name or an address may hold: letters, digits, `.`, `-`, `_`. */
export const host = 4;
/** What a URL may hold (RFC 3986, appendix A), without the quotes and round brackets that enclose URLs in text and code. */
export const url = 8;
/** What a URL's scheme may hold (RFC 3986, 3.1). */
export const scheme = 16;
/** Hexadecimal digits and `:`. */
export const ipv6 = 32;

/** The class of each byte, as bits. Everything outside of printable ASCII has none. */
export const charClasses: Uint8Array = Uint8Array.from({ length: 256 }, (_none, byte) => classOf(String.fromCharCode(byte)));

function classOf(char: string): number {
  let bits = 0;
  if (/[0-9A-Za-z]/.test(char)) bits |= alnum;
  if (/[0-9]/.test(char)) bits |= digit;
  if (/[0-9A-Za-z._-]/.test(char)) bits |= host;
  if (/[0-9A-Za-z\-._~:/?#[\]@!$&*+,;=%]/.test(char)) bits |= url;
  if (/[0-9A-Za-z+.-]/.test(char)) bits |= scheme;
  if (/[0-9A-Fa-f:]/.test(char)) bits |= ipv6;
  return bits;
}

/** Whether a byte is in one of the classes that `bits` names. */
export function isOf(byte: number | undefined, bits: number): boolean {
  return byte !== undefined && ((charClasses[byte] ?? 0) & bits) !== 0;
}

/** The first place from `start` on, before `end`, that is not of the class; `end` if all are. */
export function endOfRun(bytes: Uint8Array, start: number, end: number, bits: number): number {
  let at = start;
  while (at < end && isOf(bytes[at], bits)) at += 1;
  return at;
}

/** Where the run of the class begins that ends before `end`; never below `start`. */
export function startOfRun(bytes: Uint8Array, end: number, start: number, bits: number): number {
  let at = end;
  while (at > start && isOf(bytes[at - 1], bits)) at -= 1;
  return at;
}
