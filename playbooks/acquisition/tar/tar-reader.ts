import { ByteReader } from './byte-reader.js';
import type { TarHeader } from './tar-header.js';
import { blockSize, broken, isZero, parseHeader, text } from './tar-header.js';
import type { PaxRecords } from './tar-pax.js';
import { parseGlobalPax, parsePax, paxRecords } from './tar-pax.js';

/** One member of an archive. Names are bytes, as the archive holds them; they lie in what was read, so that who keeps one copies it. */
export interface TarEntry {
  readonly name: Buffer;
  readonly type: 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';
  /** Bytes of `body`. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, with the fraction that pax headers have. */
  readonly mtime: number;
  /** Target of a symlink, or the earlier member that a hard link repeats; else empty. */
  readonly linkname: Buffer;
  readonly devmajor: number;
  readonly devminor: number;
  /** Extended attributes from pax headers, by name. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Can be read once, before the next entry is asked for; what is not read is skipped. */
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Extended headers and long names above this are refused, one by one and in front of one member together: they are kept in memory. */
const maxMetaBytes = 1024 * 1024;

/** From this size on, a file's size does not fit its header (POSIX.1-2017, pax: eleven octal digits). */
const beyondOctal = 8 ** 11;

/** Of most members of an archive. */
const noRecords = paxRecords();

const types: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/**
 * Reads an archive as GNU tar writes it with `--format=gnu` or `--format=pax`, member by member, in the stream's own pace.
 * Strict, because the reader decides what counts as acquired: every checksum must fit, the archive must end in two zero blocks
 * with nothing but zeros after them. Anything else, a cut at any byte included, throws `transfer-truncated`.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void, undefined> {
  const reader = new ByteReader(source);
  try {
    const meta = new MetaHeaders(reader);
    for (let header = await nextHeader(reader); header !== undefined; header = await nextHeader(reader)) {
      if (isMeta(header)) {
        await meta.take(header);
        continue;
      }
      const records = meta.finish();
      const size = sizeOf(header, records);
      const whole = reader.ready(size + paddingOf(size))?.subarray(0, size);
      const body = whole === undefined ? new Body(reader, size) : [whole].filter(({ length }) => length > 0);
      yield entryOf(header, records, size, body);
      if (body instanceof Body) await body.skip();
    }
    meta.assertNothingPending();
  } finally {
    await reader.release();
  }
}

/** The next header, or undefined after the archive's proper end. */
async function nextHeader(reader: ByteReader): Promise<TarHeader | undefined> {
  const block = reader.ready(blockSize) ?? (await reader.exactly(blockSize, 'a header'));
  if (!isZero(block)) return parseHeader(block);
  if (!isZero(await reader.exactly(blockSize, 'its end mark'))) throw broken('its end mark is incomplete');
  for (let rest = await reader.atMost(blockSize); rest !== undefined; rest = await reader.atMost(blockSize)) {
    if (!isZero(rest)) throw broken('something follows its end mark');
  }
  return undefined;
}

/** A pax record may repeat the size of the header, or give the one that does not fit there; two different sizes are a trick. */
function sizeOf(header: TarHeader, { size }: PaxRecords): number {
  if (size === undefined || size === header.size || size >= beyondOctal) return size ?? header.size;
  throw broken(`a member has two sizes, ${header.size} and ${size}`);
}

/** Whether a header is about the next member, or all that follow, instead of a member itself. */
function isMeta({ typeflag }: TarHeader): boolean {
  return 'LKxg'.includes(typeflag);
}

/** Collects what the headers in front of a member say about it: GNU `L` and `K`, pax `x` and `g`. */
class MetaHeaders {
  private readonly global = new Map<string, Buffer>();
  private own = new Map<string, Buffer>();
  private pending = false;
  /** Read for the next member, and for all members. */
  private bytes = 0;
  private globalBytes = 0;

  constructor(private readonly reader: ByteReader) {}

  async take(header: TarHeader): Promise<void> {
    const body = await this.read(header.size);
    if (header.typeflag === 'g') {
      merge(this.global, parseGlobalPax(body));
      this.globalBytes += body.length + blockSize;
    } else if (header.typeflag === 'x') merge(this.own, parsePax(body));
    else this.own.set(header.typeflag === 'L' ? 'path' : 'linkpath', longName(body));
    this.pending ||= header.typeflag !== 'g';
  }

  finish(): PaxRecords {
    const records = this.own.size + this.global.size === 0 ? noRecords : paxRecords(this.global, this.own);
    if (this.own.size > 0) this.own = new Map();
    this.pending = false;
    this.bytes = this.globalBytes;
    return records;
  }

  assertNothingPending(): void {
    if (this.pending) throw broken('it ends after the header of a member that does not come');
  }

  private async read(size: number): Promise<Buffer> {
    this.bytes += size + blockSize;
    if (this.bytes > maxMetaBytes) throw broken(`extended headers of ${this.bytes} bytes for one member are too large`);
    const body = await this.reader.exactly(size, 'an extended header');
    await skipPadding(this.reader, size);
    return body;
  }
}

function merge(into: Map<string, Buffer>, from: ReadonlyMap<string, Buffer>): void {
  for (const [key, value] of from) into.set(key, value);
}

/** GNU ends long names with NUL. */
function longName(body: Buffer): Buffer {
  const name = text(body);
  if (name.length === 0) throw broken('a long name is empty');
  return name;
}

function entryOf(header: TarHeader, records: PaxRecords, size: number, body: TarEntry['body']): TarEntry {
  const type = types[header.typeflag];
  if (type === undefined) throw broken(`a member has the unknown type ${JSON.stringify(header.typeflag)}`);
  if (type !== 'file' && size > 0) throw broken(`a ${type} has a body`);
  const name = records.path ?? header.name;
  if (name.length === 0) throw broken('a member has no name');
  if (type === 'file' && name.at(-1) === 0x2f) throw broken('a file is named as a directory');
  return {
    name,
    type,
    size,
    mode: header.mode,
    uid: records.uid ?? header.uid,
    gid: records.gid ?? header.gid,
    mtime: records.mtime ?? header.mtime,
    linkname: records.linkpath ?? header.linkname,
    devmajor: header.devmajor,
    devminor: header.devminor,
    xattrs: records.xattrs,
    body,
  };
}

/** The bytes of one member, as they come. */
class Body implements AsyncIterable<Uint8Array> {
  private left: number;
  private padded = false;

  constructor(
    private readonly reader: ByteReader,
    private readonly size: number,
  ) {
    this.left = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.left > 0) {
      const part = await this.reader.atMost(this.left);
      if (part === undefined) throw broken(`it ends ${this.left} bytes before the end of a file`);
      this.left -= part.length;
      yield part;
    }
    await this.padding();
  }

  async skip(): Promise<void> {
    const rest = this[Symbol.asyncIterator]();
    while ((await rest.next()).done !== true);
  }

  private async padding(): Promise<void> {
    if (this.padded) return;
    this.padded = true;
    await skipPadding(this.reader, this.size);
  }
}

async function skipPadding(reader: ByteReader, size: number): Promise<void> {
  await reader.exactly(paddingOf(size), 'the padding of a member');
}

function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}
