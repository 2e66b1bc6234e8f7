/** The header of an ELF file, as far as it is of use (elf(5)). Nothing in it is to be trusted: offsets and counts can be anything. */
export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** `e_type`. */
  readonly type: number;
  readonly machine: number;
  readonly programs: Table;
  readonly sections: Table;
  /** Which section holds the names of sections. */
  readonly namesIndex: number;
}

/** A table in the file: `count` entries of `size` bytes at `offset`. */
export interface Table {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** An entry of the program header table. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
}

/** An entry of the section header table. */
export interface Section {
  /** Where its name begins among the names. */
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
}

/** Numbers of elf(5). */
export const elf = {
  types: { relocatable: 1, executable: 2, shared: 3, core: 4 },
  segments: { load: 1, dynamic: 2, interpreter: 3 },
  segmentFlags: { execute: 1, write: 2 },
  sections: { symbols: 2, noBits: 8 },
  sectionFlags: { write: 1, execute: 4 },
  dynamic: { end: 0, needed: 1, soname: 14, flags1: 0x6ffffffb },
  /** `DF_1_PIE` in `DT_FLAGS_1`. */
  pie: 0x08000000,
} as const;

type ByteOrder = Pick<ElfHeader, 'bits' | 'littleEndian'>;

/** Reads numbers of one byte order; those beyond 2^53 lose digits, and are beyond any file. */
class Numbers {
  constructor(
    private readonly bytes: Buffer,
    private readonly order: ByteOrder,
  ) {}

  half(at: number): number {
    return this.order.littleEndian ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at);
  }

  word(at: number): number {
    return this.order.littleEndian ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at);
  }

  /** An address, an offset or a size: 4 bytes or 8. */
  long(at: number): number {
    if (this.order.bits === 32) return this.word(at);
    return Number(this.order.littleEndian ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at));
  }
}

/** Undefined where the bytes end too early, or class or byte order are none. */
export function readHeader(head: Buffer): ElfHeader | undefined {
  const bits = head[4] === 1 ? 32 : head[4] === 2 ? 64 : undefined;
  const littleEndian = head[5] === 1;
  if (bits === undefined || (!littleEndian && head[5] !== 2) || head.length < (bits === 32 ? 52 : 64)) return undefined;
  const numbers = new Numbers(head, { bits, littleEndian });
  const wide = bits === 64;
  const rest = wide ? 54 : 42;
  return {
    bits,
    littleEndian,
    type: numbers.half(16),
    machine: numbers.half(18),
    programs: { offset: numbers.long(wide ? 32 : 28), size: numbers.half(rest), count: numbers.half(rest + 2) },
    sections: { offset: numbers.long(wide ? 40 : 32), size: numbers.half(rest + 4), count: numbers.half(rest + 6) },
    namesIndex: numbers.half(rest + 8),
  };
}

/** As many entries as `bytes`, which begin with the table, have whole; none where entries have another size than they should. */
export function readSegments(bytes: Buffer, header: ElfHeader): Segment[] {
  const wide = header.bits === 64;
  return entries(bytes, header, header.programs, wide ? 56 : 32, (numbers, at) => ({
    type: numbers.word(at),
    flags: numbers.word(at + (wide ? 4 : 24)),
    offset: numbers.long(at + (wide ? 8 : 4)),
    size: numbers.long(at + (wide ? 32 : 16)),
  }));
}

/** The same of sections. */
export function readSections(bytes: Buffer, header: ElfHeader, count: number): Section[] {
  const wide = header.bits === 64;
  return entries(bytes, header, { ...header.sections, count }, wide ? 64 : 40, (numbers, at) => ({
    name: numbers.word(at),
    type: numbers.word(at + 4),
    flags: numbers.long(at + 8),
    offset: numbers.long(at + (wide ? 24 : 16)),
    size: numbers.long(at + (wide ? 32 : 20)),
  }));
}

/** The dynamic section as tags and values; undefined where it does not end within `bytes`. */
export function readDynamic(bytes: Buffer, header: ElfHeader): Map<number, number> | undefined {
  const [numbers, size] = [new Numbers(bytes, header), header.bits / 8];
  const found = new Map<number, number>();
  for (let at = 0; at + 2 * size <= bytes.length; at += 2 * size) {
    const tag = numbers.long(at);
    if (tag === elf.dynamic.end) return found;
    found.set(tag, numbers.long(at + size));
  }
  return undefined;
}

function entries<T>(bytes: Buffer, order: ByteOrder, table: Table, size: number, read: (numbers: Numbers, at: number) => T): T[] {
  if (table.size !== size) return [];
  const numbers = new Numbers(bytes, order);
  const count = Math.min(table.count, Math.floor(bytes.length / size));
  return Array.from({ length: count }, (_none, index) => read(numbers, index * size));
}
