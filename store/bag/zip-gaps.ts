import type { Entry } from '@zip.js/zip.js';
import type { FileRange } from './file-range.js';

/** A local file header without name and extra field (APPNOTE.TXT section 4.3.7). */
export const localHeaderBytes = 30;
/** Sizes follow the content. */
export const descriptorFlag = 8;
/** They do with or without a signature, in 32 or in 64 bits (section 4.3.9). */
const descriptorBytes = [12, 16, 20, 24];
const directorySignature = 0x02014b50;

/**
 * Whether an archive has bytes between its entries, or before its directory, that belong to none: who reads it from its beginning finds files
 * there that its directory does not have. Throws `store-corrupt` where it names bytes that it does not have.
 */
export async function hasGaps(archive: FileRange, entries: readonly Entry[]): Promise<boolean> {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  for (const [at, entry] of sorted.entries()) {
    const header = await archive.bytes(entry.offset, localHeaderBytes);
    const end = entry.offset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28) + entry.compressedSize;
    const ends = (header.readUInt16LE(6) & descriptorFlag) === 0 ? [end] : descriptorBytes.map((length) => end + length);
    const next = sorted[at + 1]?.offset;
    // What overlaps is told of the entries themselves.
    if (next === undefined ? !(await isBeforeDirectory(archive, ends)) : next > end && !ends.includes(next)) return true;
  }
  return false;
}

async function isBeforeDirectory(archive: FileRange, ends: readonly number[]): Promise<boolean> {
  for (const end of ends) if (end + 4 <= archive.size && (await archive.bytes(end, 4)).readUInt32LE(0) === directorySignature) return true;
  return false;
}
