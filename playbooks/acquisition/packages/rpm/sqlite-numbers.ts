import { damaged } from './sqlite-pages.js';

/** Throws `transfer-truncated` where the bytes end before. */
export function uint16(bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) throw damaged('a number lies outside of its page');
  return bytes.readUInt16BE(at);
}

/** Throws `transfer-truncated` where the bytes end before. */
export function uint32(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw damaged('a number lies outside of its page');
  return bytes.readUInt32BE(at);
}

/**
 * A number of one to nine bytes, the highest first, of which all but a ninth hold seven bits. Those from 2^53 on are not exact, and too large
 * for whatever they say.
 * @throws TriageError `transfer-truncated` where the bytes end before
 */
export function varint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let end = at; end < at + 9; end += 1) {
    const byte = bytes[end];
    if (byte === undefined) break;
    if (end === at + 8) return { value: value * 256 + byte, end: end + 1 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: end + 1 };
  }
  throw damaged('a number lies outside of its page');
}
