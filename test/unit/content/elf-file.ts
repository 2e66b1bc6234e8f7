/** A 64-bit ELF file of x86-64, little-endian, built by hand: what linkers refuse to write. */
export interface ElfRecipe {
  /** `e_type`; default 2, an executable. */
  readonly type?: number;
  readonly segments?: readonly { type: number; flags: number; content: Buffer }[];
  readonly sections?: readonly { name: string; type: number; flags: number /** Index of the segment it lies in. */; segment?: number }[];
  /** Written over what is right: offset in the header, value, bytes. */
  readonly lies?: readonly (readonly [at: number, value: bigint, size: 2 | 8])[];
}

const headerSize = 64;
const segmentSize = 56;
const sectionSize = 64;

/** Header, program headers, contents, names of sections, section table: as linkers order them. */
export function elfFile({ type = 2, segments = [], sections = [], lies = [] }: ElfRecipe): Buffer {
  const header = Buffer.alloc(headerSize);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  let offset = headerSize + segments.length * segmentSize;
  const offsets = segments.map(({ content }) => {
    offset += content.length;
    return offset - content.length;
  });
  const named: NonNullable<ElfRecipe['sections']> =
    sections.length === 0 ? [] : [{ name: '', type: 0, flags: 0 }, ...sections, { name: '.shstrtab', type: 3, flags: 0 }];
  const names = Buffer.from(named.map(({ name }) => `${name}\0`).join(''), 'latin1');
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(62, 18);
  header.writeBigUInt64LE(BigInt(headerSize), 32);
  header.writeBigUInt64LE(BigInt(named.length === 0 ? 0 : offset + names.length), 40);
  header.writeUInt16LE(segmentSize, 54);
  header.writeUInt16LE(segments.length, 56);
  header.writeUInt16LE(sectionSize, 58);
  header.writeUInt16LE(named.length, 60);
  header.writeUInt16LE(Math.max(0, named.length - 1), 62);
  for (const [at, value, size] of lies) {
    if (size === 2) header.writeUInt16LE(Number(value), at);
    else header.writeBigUInt64LE(value, at);
  }
  const programs = segments.map(({ type: kind, flags, content }, index) => {
    const row = Buffer.alloc(segmentSize);
    row.writeUInt32LE(kind, 0);
    row.writeUInt32LE(flags, 4);
    row.writeBigUInt64LE(BigInt(offsets[index] ?? 0), 8);
    row.writeBigUInt64LE(BigInt(content.length), 32);
    return row;
  });
  let name = 0;
  const table = named.map((section, index) => {
    const row = Buffer.alloc(sectionSize);
    row.writeUInt32LE(name, 0);
    row.writeUInt32LE(section.type, 4);
    row.writeBigUInt64LE(BigInt(section.flags), 8);
    const inSegment = section.segment === undefined ? undefined : offsets[section.segment];
    row.writeBigUInt64LE(BigInt(inSegment ?? offset), 24);
    row.writeBigUInt64LE(BigInt(index === named.length - 1 ? names.length : 16), 32);
    name += section.name.length + 1;
    return row;
  });
  return Buffer.concat([header, ...programs, ...segments.map(({ content }) => content), names, ...table]);
}

/** A dynamic section of tags and values, with its end. */
export function dynamicSection(...entries: readonly (readonly [tag: number, value: number])[]): Buffer {
  return Buffer.concat(
    [...entries, [0, 0] as const].map((pair) => {
      const row = Buffer.alloc(16);
      pair.forEach((value, index) => row.writeBigUInt64LE(BigInt(value), index * 8));
      return row;
    }),
  );
}
