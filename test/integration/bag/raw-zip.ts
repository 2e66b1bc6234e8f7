import { crc32 } from 'node:zlib';

/** An entry as it is to stand in an archive, whatever that means for who reads it. */
export interface RawEntry {
  readonly name: string | Buffer;
  readonly data: Buffer;
  /** Unix mode; 0 writes an archive of DOS. */
  readonly mode?: number;
  readonly flags?: number;
  /** What local header and directory say beside the truth. */
  readonly localName?: string;
  readonly size?: number;
  /** Points at the data of the entry with this number. */
  readonly sharing?: number;
}

/** Writes a zip archive byte by byte: stored entries, no Zip64 (APPNOTE.TXT section 4.3). */
export function rawZip(entries: readonly RawEntry[], { before = '', after = '' }: { before?: string; after?: string } = {}): Buffer {
  const parts: Buffer[] = [Buffer.from(before)];
  const directory: Buffer[] = [];
  const offsets: number[] = [];
  let at = before.length;
  for (const [index, entry] of entries.entries()) {
    const { data, mode = 0o100400, flags = 0x800, size = data.length, sharing } = entry;
    const name = Buffer.from(entry.name);
    const localName = Buffer.from(entry.localName ?? entry.name);
    const offset = sharing === undefined ? at : (offsets[sharing] ?? 0);
    offsets[index] = offset;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt32LE(0x58210000, 6);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(size, 14);
    common.writeUInt32LE(size, 18);
    if (sharing === undefined) {
      common.writeUInt16LE(localName.length, 22);
      const local = Buffer.concat([uint32(0x04034b50), common, localName, data]);
      parts.push(local);
      at += local.length;
    }
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([uint32(0x02014b50), Buffer.from([20, mode === 0 ? 0 : 3]), common, rest, name]));
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, central, end, Buffer.from(after)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
