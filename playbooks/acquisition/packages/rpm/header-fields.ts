/** Tags of a package's header that are read (rpm, "RPM tags"). */
export const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  fileStates: 1029,
  fileDigests: 1035,
  fileFlags: 1037,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
  fileDigestAlgorithm: 5011,
} as const;

/** Types of values (rpm, "RPM v4 format"). */
const types = { char: 1, int8: 2, int32: 4, string: 6, strings: 8 } as const;

interface Field {
  readonly type: number;
  readonly offset: number;
  readonly count: number;
}

const wanted: ReadonlySet<number> = new Set(Object.values(tags));
const preamble = 8;
const entryBytes = 16;

/** The values of a header as it stands in rpm's database: numbers of entries and of bytes, entries, bytes. */
export class HeaderFields {
  private constructor(
    private readonly data: Buffer,
    private readonly fields: ReadonlyMap<number, Field>,
  ) {}

  /** Undefined for what is no header. */
  static of(blob: Buffer): HeaderFields | undefined {
    if (blob.length < preamble) return undefined;
    const start = preamble + blob.readUInt32BE(0) * entryBytes;
    const end = start + blob.readUInt32BE(4);
    if (end > blob.length) return undefined;
    const fields = new Map<number, Field>();
    for (let at = preamble; at < start; at += entryBytes) {
      const tag = blob.readUInt32BE(at);
      // What rpm has changed when it installed the package comes later, and counts.
      if (wanted.has(tag)) fields.set(tag, { type: blob.readUInt32BE(at + 4), offset: blob.readUInt32BE(at + 8), count: blob.readUInt32BE(at + 12) });
    }
    return new HeaderFields(blob.subarray(start, end), fields);
  }

  has(tag: number): boolean {
    return this.fields.has(tag);
  }

  /** Latin1 of the bytes, at most `most` of them. */
  text(tag: number, most: number): string | undefined {
    const field = this.fields.get(tag);
    if (field?.type !== types.string) return undefined;
    const end = this.data.indexOf(0, field.offset);
    return end === -1 || field.offset >= this.data.length
      ? undefined
      : this.data.toString('latin1', field.offset, Math.min(end, field.offset + most));
  }

  /** One number of several. */
  number(tag: number, index: number): number | undefined {
    const field = this.fields.get(tag);
    if (field === undefined || index >= field.count) return undefined;
    const size = field.type === types.int32 ? 4 : field.type === types.char || field.type === types.int8 ? 1 : undefined;
    const at = field.offset + index * (size ?? 0);
    if (size === undefined || at + size > this.data.length) return undefined;
    return this.data.readUIntBE(at, size);
  }

  /**
   * Shows each of several strings, by a function that makes latin1 of it, or undefined of one that is longer than `most` bytes.
   * @returns false where there are not as many as the header says
   */
  eachText(tag: number, most: number, show: (index: number, text: () => string | undefined) => void): boolean {
    const field = this.fields.get(tag);
    if (field?.type !== types.strings) return false;
    let at = field.offset;
    for (let index = 0; index < field.count; index += 1) {
      const from = at;
      const end = from < this.data.length ? this.data.indexOf(0, from) : -1;
      if (end === -1) return false;
      show(index, () => (end - from > most ? undefined : this.data.toString('latin1', from, end)));
      at = end + 1;
    }
    return true;
  }
}
