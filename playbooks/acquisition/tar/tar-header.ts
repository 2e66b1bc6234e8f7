import { TriageError } from '../../domain/error.js';

/** The size of a header, and what bodies are padded to (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const blockSize = 512;

/** One header block as it stands, before GNU long names and pax records are applied to it. */
export interface TarHeader {
  readonly typeflag: string;
  readonly name: Buffer;
  readonly linkname: Buffer;
  /** Bytes that follow the header. */
  readonly size: number;
  /** The twelve lower bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970; may be negative. */
  readonly mtime: number;
  readonly devmajor: number;
  readonly devminor: number;
}

/** A malformed archive; one that was cut looks the same, so both carry the same code. */
export function broken(what: string): TriageError {
  return new TriageError('transfer-truncated', `the archive is damaged: ${what}`);
}

/** Says whether a block is all zeros. */
export function isZero(block: Uint8Array): boolean {
  for (const byte of block) if (byte !== 0) return false;
  return true;
}

/** Parses one block of 512 bytes. Throws `transfer-truncated` when its checksum, magic or a number in it is wrong. */
export function parseHeader(block: Buffer): TarHeader {
  if (checksum(block) !== octal(block, 148, 156, 'checksum')) throw broken('a header has a wrong checksum');
  const magic = block.toString('latin1', 257, 265);
  if (magic !== 'ustar\x0000' && magic !== 'ustar  \0') throw broken('a header is neither ustar nor GNU');
  const prefix = magic === 'ustar\x0000' ? text(block.subarray(345, 500)) : Buffer.alloc(0);
  const name = text(block.subarray(0, 100));
  return {
    typeflag: String.fromCharCode(block[156] ?? 0),
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    linkname: text(block.subarray(157, 257)),
    size: size(block),
    mode: number(block, 100, 108, 'mode') & 0o7777,
    uid: natural(block, 108, 116, 'uid'),
    gid: natural(block, 116, 124, 'gid'),
    mtime: number(block, 136, 148, 'mtime'),
    devmajor: natural(block, 329, 337, 'devmajor'),
    devminor: natural(block, 337, 345, 'devminor'),
  };
}

function size(block: Buffer): number {
  // Blanks would be 0, and what follows would be read as the next header.
  if (block.subarray(124, 136).every((byte) => byte === 0 || byte === 0x20)) throw broken('a size is missing');
  return natural(block, 124, 136, 'size');
}

function natural(block: Buffer, from: number, to: number, what: string): number {
  const value = number(block, from, to, what);
  if (value < 0) throw broken(`${what} is negative`);
  return value;
}

/** The sum of all bytes with the checksum field taken as blanks. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < block.length; at += 1) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
}

/** What stands before the first NUL. Anything but NUL behind it would be a name that some readers see and others do not. */
export function text(field: Buffer): Buffer {
  const end = field.indexOf(0);
  if (end === -1) return field;
  if (!isZero(field.subarray(end))) throw broken('a name goes on behind a NUL');
  return field.subarray(0, end);
}

function number(block: Buffer, from: number, to: number, what: string): number {
  return ((block[from] ?? 0) & 0x80) === 0 ? octal(block, from, to, what) : base256(block.subarray(from, to), what);
}

/** Blanks, then digits, then blanks and NULs, each of which may be missing; no digits are 0. Byte by byte, as there are eight in each header. */
function octal(block: Buffer, from: number, to: number, what: string): number {
  let at = from;
  while (at < to && block[at] === 0x20) at += 1;
  let value = 0;
  for (let byte = block[at]; at < to && byte !== undefined && byte >= 0x30 && byte <= 0x37; byte = block[at]) {
    value = value * 8 + byte - 0x30;
    at += 1;
  }
  while (at < to && (block[at] === 0x20 || block[at] === 0)) at += 1;
  if (at < to) throw broken(`${what} is no octal number`);
  return value;
}

/** GNU's base-256 form: two's complement, big endian, with the top bit as its mark (GNU tar manual, "Basic Tar Format"). */
function base256(field: Buffer, what: string): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = BigInt((field[0] ?? 0) & 0x3f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  if (negative) value -= 1n << BigInt(field.length * 8 - 2);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw broken(`${what} is too large`);
  return result;
}
