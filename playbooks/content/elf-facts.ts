import type { ElfFacts } from '../domain/content.js';
import { safeText } from '../domain/short-text.js';
import { type ElfHeader, elf, readDynamic, readSections, type Section, type Segment } from './elf-format.js';

/** Code has 5 to 6.5 bits a byte; what is packed or encrypted has nearly 8. */
const packedEntropy = 7.2;
/** The mark of UPX near both ends of what it has packed. */
const upxMark = 'UPX!';

/** By the registry of `e_machine` in the ELF specification. */
const machines: Readonly<Record<number, string>> = {
  2: 'Sparc',
  3: '80386',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 'S/390',
  40: 'ARM',
  43: 'Sparc v9',
  50: 'IA-64',
  62: 'x86-64',
  183: 'aarch64',
  243: 'RISC-V',
  247: 'BPF',
  258: 'LoongArch',
};

/** What was kept of an ELF file. Each part can be empty or cut: the file may be, or its headers lie. */
export interface ElfParts {
  readonly header: ElfHeader;
  readonly segments: readonly Segment[];
  readonly dynamic: Buffer;
  readonly sectionTable: Buffer;
  /** What was kept from a place in the file on. */
  readonly bytesAt: (place: number) => Buffer;
  /** Segments of code with their entropy. */
  readonly measured: readonly (Segment & { readonly entropy: number })[];
  /** The first and the last bytes. */
  readonly edges: readonly [Buffer, Buffer];
}

/** Puts together what an ELF file says of itself. */
export function elfFacts(parts: ElfParts): ElfFacts {
  const { header, segments } = parts;
  const dynamic = readDynamic(parts.dynamic, header);
  const { known, sections } = sectionsOf(parts);
  const stripped = sections.some(({ type }) => type === elf.sections.symbols) ? false : known ? true : undefined;
  const packed = packedBy(parts, sections);
  return {
    machine: machines[header.machine] ?? `machine ${header.machine}`,
    bits: header.bits,
    kind: kindOf(header, segments, dynamic),
    static: isStatic(header, segments, dynamic),
    ...(stripped === undefined ? {} : { stripped }),
    ...(packed === undefined ? {} : { packed: safeText(packed, 100) }),
  };
}

function has(segments: readonly Segment[], wanted: number): boolean {
  return segments.some(({ type }) => type === wanted);
}

type Dynamic = ReadonlyMap<number, number> | undefined;

/** A program that can be loaded anywhere has the type of a library, and a flag; older linkers gave it only an interpreter and no library's name. */
function kindOf({ type }: ElfHeader, segments: readonly Segment[], dynamic: Dynamic): ElfFacts['kind'] {
  const { types } = elf;
  if (type === types.executable) return 'executable';
  if (type === types.relocatable) return 'relocatable';
  if (type === types.core) return 'core';
  if (type !== types.shared) return 'other';
  const isPie = ((dynamic?.get(elf.dynamic.flags1) ?? 0) & elf.pie) !== 0;
  return isPie || (has(segments, elf.segments.interpreter) && dynamic?.has(elf.dynamic.soname) !== true) ? 'executable' : 'shared';
}

/** What is static and can be loaded anywhere has a dynamic section too, to move itself by; it names no library. */
function isStatic({ type }: ElfHeader, segments: readonly Segment[], dynamic: Dynamic): boolean {
  const { load, dynamic: dynamicType, interpreter } = elf.segments;
  if (type !== elf.types.executable && type !== elf.types.shared) return false;
  if (!has(segments, load) || has(segments, interpreter)) return false;
  return !has(segments, dynamicType) || (dynamic !== undefined && !dynamic.has(elf.dynamic.needed));
}

/** Sections as far as they were kept; `known` when those are all, and a file without any has them all. */
function sectionsOf({ header, sectionTable }: ElfParts): { known: boolean; sections: readonly Section[] } {
  if (header.sections.offset === 0) return { known: true, sections: [] };
  // More than 65,279 are counted in the first one.
  const count = header.sections.count > 0 ? header.sections.count : (readSections(sectionTable, header, 1)[0]?.size ?? 0);
  const sections = readSections(sectionTable, header, count);
  return { known: sections.length === count && count > 0, sections };
}

function packedBy(parts: ElfParts, sections: readonly Section[]): string | undefined {
  const name = namesOf(parts, sections).find((each) => each.startsWith('UPX'));
  if (name !== undefined) return `section ${name}`;
  if (parts.edges.some((edge) => edge.includes(upxMark))) return `mark ${upxMark}`;
  const dense = parts.measured.filter(({ entropy }) => entropy > packedEntropy);
  const writable = dense.find(
    (segment) => (segment.flags & elf.segmentFlags.write) !== 0 || sections.some((section) => isWritableIn(section, segment)),
  );
  if (writable !== undefined) return `writable code, entropy ${writable.entropy}`;
  return sections.length === 0 && dense[0] !== undefined ? `no sections, entropy of code ${dense[0].entropy}` : undefined;
}

function isWritableIn({ type, flags, offset }: Section, segment: Segment): boolean {
  const both = elf.sectionFlags.write | elf.sectionFlags.execute;
  return type !== elf.sections.noBits && (flags & both) === both && offset >= segment.offset && offset < segment.offset + segment.size;
}

function namesOf({ header, bytesAt }: ElfParts, sections: readonly Section[]): string[] {
  const table = sections[header.namesIndex];
  if (table === undefined) return [];
  const names = bytesAt(table.offset).subarray(0, table.size);
  return sections.map(({ name }) => names.toString('latin1', name, name + 40).split('\0', 1)[0] ?? '');
}
