import type { ElfFacts } from '../domain/content.js';
import { ByteWindow } from './byte-window.js';
import { elfFacts } from './elf-facts.js';
import { type ElfHeader, elf, readHeader, readSegments, type Segment } from './elf-format.js';
import { entropyOf } from './histogram.js';

/** Of each table, in bytes: a thousand sections. */
const tableLimit = 64 * 1024;
/** Names of sections stand before the table, as linkers write it. */
const namesLimit = 32 * 1024;
/** Of so many segments entropy is taken, and of none that is smaller than this: few bytes say nothing. */
const maxMeasured = 16;
const leastMeasured = 4_096;

/** Gathers what is wanted of an ELF file while it passes, wherever its headers say that it stands. */
export class ElfScan {
  /** Places in the file where the histogram is asked for, in order. */
  readonly cuts: readonly number[];
  private readonly counts = new Map<number, Float64Array>();
  private readonly programs: ByteWindow;
  private readonly sections: ByteWindow;
  private readonly dynamic: ByteWindow;
  private readonly measured: readonly Segment[];
  private readonly start: Buffer;

  private constructor(
    private readonly header: ElfHeader,
    head: Buffer,
  ) {
    const { programs, sections } = header;
    this.start = Buffer.from(head.subarray(0, 1_024));
    this.programs = new ByteWindow(programs.offset, programs.size * programs.count, tableLimit);
    const names = Math.max(0, sections.offset - namesLimit);
    this.sections = new ByteWindow(names, sections.offset === 0 ? 0 : sections.offset - names + tableLimit, namesLimit + tableLimit);
    const segments = readSegments(head.subarray(Math.min(programs.offset, head.length)), header);
    const dynamic = segments.find(({ type }) => type === elf.segments.dynamic);
    this.dynamic = new ByteWindow(dynamic?.offset ?? 0, dynamic?.size ?? 0, tableLimit);
    this.measured = segments.filter(isMeasured).slice(0, maxMeasured);
    this.cuts = [...new Set(this.measured.flatMap(({ offset, size }) => [offset, offset + size]))].sort((a, b) => a - b);
  }

  /** @param head the beginning of the file, which has not yet been given to {@link take}; undefined when it is no ELF file */
  static of(head: Buffer): ElfScan | undefined {
    const header = head.toString('latin1', 0, 4) === '\x7fELF' ? readHeader(head) : undefined;
    return header === undefined ? undefined : new ElfScan(header, head);
  }

  take(bytes: Buffer, from: number, to: number, offset: number): void {
    this.programs.take(bytes, from, to, offset);
    this.sections.take(bytes, from, to, offset);
    this.dynamic.take(bytes, from, to, offset);
  }

  /** The histogram of all before one of {@link cuts}. */
  cut(place: number, counts: Float64Array): void {
    this.counts.set(place, counts);
  }

  /** @param all the histogram of the file, `tail` its last bytes */
  finish(all: Float64Array, tail: Buffer): ElfFacts {
    const { header } = this;
    return elfFacts({
      header,
      segments: readSegments(this.programs.from(header.programs.offset), header),
      dynamic: this.dynamic.from(this.dynamic.start),
      sectionTable: this.sections.from(header.sections.offset),
      bytesAt: (place) => this.sections.from(place),
      measured: this.measured.flatMap((segment) => {
        const entropy = this.entropyOf(segment, all);
        return entropy === undefined ? [] : [{ ...segment, entropy }];
      }),
      edges: [this.start, tail],
    });
  }

  private entropyOf({ offset, size }: Segment, all: Float64Array): number | undefined {
    const before = this.counts.get(offset);
    if (before === undefined) return undefined;
    const after = this.counts.get(offset + size) ?? all;
    return entropyOf(after.map((count, byte) => count - (before[byte] ?? 0)));
  }
}

function isMeasured({ type, flags, size }: Segment): boolean {
  return type === elf.segments.load && (flags & elf.segmentFlags.execute) !== 0 && size >= leastMeasured;
}
