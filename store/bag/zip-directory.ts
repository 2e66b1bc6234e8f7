import { isUtf8 } from 'node:buffer';
import { type Entry, Reader, ZipReader } from '@zip.js/zip.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { FileRange } from './file-range.js';
import { descriptorFlag, hasGaps, localHeaderBytes } from './zip-gaps.js';

/** One entry of a zip archive, as its directory has it. */
export interface ZipEntry {
  /** Safe to compare: bytes that are no UTF-8 are written as `displayText` does. */
  readonly name: string;
  readonly type: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  /** AES-256, or nothing. */
  readonly encrypted: boolean;
  readonly compressed: boolean;
  readonly trouble?: string;
  /** The bytes as they stand in the archive. Throws `store-corrupt` where they are not where the directory says. */
  data(): Promise<FileRange>;
}

/** The directory of an archive. */
export interface ZipDirectory {
  readonly entries: readonly ZipEntry[];
  /** What is wrong with the archive as a whole: what other tools could read in another way. */
  readonly troubles: readonly string[];
}

/** Lets zip.js read a file in places. */
class RangeReader extends Reader<FileRange> {
  constructor(private readonly range: FileRange) {
    super(range);
    this.size = range.size;
  }

  override readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    return this.range.bytes(offset, Math.min(length, this.size - offset));
  }
}

/** Reads the directory of an archive, and nothing of its content. Throws `store-corrupt` for what has none. */
export async function readDirectory(archive: FileRange): Promise<ZipDirectory> {
  const troubles: string[] = [];
  try {
    // Duplicate names are told of the entries themselves.
    await list(archive, 'strict').catch((error: unknown) => {
      if (reasonOf(error) !== 'duplicate filename') troubles.push(`can be read in more than one way: ${reasonOf(error)}`);
    });
    const listed = await list(archive, 'tolerant');
    const shared = sharing(listed);
    // Where it cannot be told, the entries themselves cannot be read.
    if (await hasGaps(archive, listed).catch(() => false)) troubles.push('has bytes between its entries that belong to none of them');
    return { entries: listed.map((entry) => entryOf(archive, entry, shared.has(entry))), troubles };
  } catch (cause) {
    throw new TriageError('store-corrupt', `is no zip archive that can be read: ${reasonOf(cause)}`, { cause });
  }
}

function list(archive: FileRange, strictness: 'strict' | 'tolerant'): Promise<Entry[]> {
  return new ZipReader(new RangeReader(archive)).getEntries({ strictness, filenameValidation: 'tolerant' });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
}

/** Entries that have bytes in common: few bytes would stand for endless ones. */
function sharing(entries: readonly Entry[]): ReadonlySet<Entry> {
  const shared = new Set<Entry>();
  let before: Entry | undefined;
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
    if (before !== undefined && before.offset + localHeaderBytes + before.rawFilename.length + before.compressedSize > entry.offset)
      shared.add(before).add(entry);
    before = entry;
  }
  return shared;
}

function entryOf(archive: FileRange, entry: Entry, shares: boolean): ZipEntry {
  const raw = Buffer.from(entry.rawFilename);
  const name = isUtf8(raw) ? raw.toString('utf8') : displayText(raw);
  const type = typeOf(entry);
  const trouble = shares ? 'has bytes in common with another entry' : nameTrouble(raw, entry, type);
  return {
    name: type === 'folder' ? name.replace(/\/$/, '') : name,
    type,
    size: type === 'file' ? entry.uncompressedSize : 0,
    encrypted: entry.encrypted,
    compressed: entry.compressionMethod !== 0,
    ...(trouble === undefined ? {} : { trouble }),
    data: () => dataOf(archive, entry, raw),
  };
}

/** Types of files in the upper half of the external attributes, as in stat(2). */
const formatMask = 0o170000;
const regular = 0o100000;

function typeOf({ symlink, directory, unixMode = 0 }: Entry): ZipEntry['type'] {
  if (symlink) return 'link';
  if (directory) return 'folder';
  const format = unixMode & formatMask;
  return format === 0 || format === regular ? 'file' : 'other';
}

function nameTrouble(raw: Buffer, { encrypted, extraFieldAES, extraFieldUnicodePath }: Entry, type: ZipEntry['type']): string | undefined {
  if (!isUtf8(raw)) return 'has a name that is not UTF-8';
  const name = raw.toString('utf8');
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name) || name.includes('\\')) return 'has a name that leads out of the bag';
  const parts = (type === 'folder' ? name.replace(/\/$/, '') : name).split('/');
  if (parts.some((part) => part === '..' || part === '.' || part === '' || part.includes('\0'))) return 'has a name that leads out of the bag';
  // Some tools would take the other name.
  if (extraFieldUnicodePath !== undefined) return 'has a second name';
  return encrypted && extraFieldAES?.strength !== 3 ? 'is encrypted, and not with AES-256' : undefined;
}

const localSignature = 0x04034b50;

async function dataOf(archive: FileRange, entry: Entry, name: Buffer): Promise<FileRange> {
  const header = await archive.bytes(entry.offset, localHeaderBytes);
  const extra = header.readUInt16LE(28);
  const fits =
    header.readUInt32LE(0) === localSignature &&
    header.readUInt16LE(6) === entry.rawBitFlag &&
    header.readUInt16LE(26) === name.length &&
    (await archive.bytes(entry.offset + localHeaderBytes, name.length)).equals(name) &&
    sizesFit(header, entry);
  if (!fits) throw new TriageError('store-corrupt', 'its header in the archive says something else than the directory');
  return archive.part(entry.offset + localHeaderBytes + name.length + extra, entry.compressedSize);
}

function sizesFit(header: Buffer, { rawBitFlag = 0, zip64, compressedSize, uncompressedSize }: Entry): boolean {
  if ((rawBitFlag & descriptorFlag) !== 0 || zip64) return true;
  return header.readUInt32LE(18) === compressedSize && header.readUInt32LE(22) === uncompressedSize;
}
