import type { ContentFacts } from '../domain/content.js';
import { ElfScan } from './elf-scan.js';
import { FoundStrings } from './found-strings.js';
import { entropyOf, Histogram } from './histogram.js';
import { interpreterOf } from './interpreter.js';
import { typeOf } from './magic.js';
import { StringFinder, stringReach } from './string-finder.js';
import { WalletFinder } from './wallet-finder.js';

/** Bytes of a file that are looked at in one go. */
const stepBytes = 128 * 1024;
/** As many bytes tell whether a file is text. */
const headBytes = 64 * 1024;

/**
 * Says of a stream of bytes what it is and what in it matters, in memory that does not grow with it and in linear time, whatever the bytes are.
 * It cuts the stream at places of its own, so that the answer is the same however the bytes come. After `finish` it takes the next file.
 */
export class ContentScanner {
  private readonly bytes = Buffer.alloc(stringReach + stepBytes + stringReach);
  /** How many bytes are there, which of them comes next, and where the first one stands in the file. */
  private length = 0;
  private next = 0;
  private offset = 0;
  private readonly histogram = new Histogram();
  private readonly found = new FoundStrings();
  private readonly strings = new StringFinder(this.found);
  private readonly wallets = new WalletFinder(this.found);
  private head: Pick<ContentFacts, 'type' | 'interpreter'> | undefined;
  private elf: ElfScan | undefined;

  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + this.bytes.length - this.length);
      this.bytes.set(part, this.length);
      this.length += part.length;
      at += part.length;
      if (this.length === this.bytes.length) this.look(this.length - stringReach);
    }
  }

  /** Never throws, whatever the bytes were. */
  finish(): Omit<ContentFacts, 'sha256'> {
    this.look(this.length);
    const counts = this.histogram.counts();
    const elf = this.elf?.finish(counts, this.bytes.subarray(Math.max(0, this.length - 64), this.length));
    const { type = 'empty', interpreter } = this.head ?? {};
    const facts = {
      size: this.offset + this.length,
      type,
      entropy: entropyOf(counts),
      ...(elf === undefined ? {} : { elf }),
      ...(interpreter === undefined ? {} : { interpreter }),
      ...this.found.take(),
    };
    this.reset();
    return facts;
  }

  private look(to: number): void {
    if (this.head === undefined) this.begin();
    const { bytes, length, offset, next } = this;
    this.elf?.take(bytes, next, to, offset + next);
    this.count(next, to);
    const block = { bytes: bytes.subarray(0, length), offset };
    this.strings.scan(block, next, to);
    this.wallets.scan(block, next, to);
    const kept = Math.max(0, to - stringReach);
    bytes.copyWithin(0, kept, length);
    this.offset += kept;
    this.length -= kept;
    this.next = to - kept;
  }

  private begin(): void {
    const head = this.bytes.subarray(0, this.length);
    const interpreter = interpreterOf(head);
    this.head = { type: typeOf(head.subarray(0, headBytes)), ...(interpreter === undefined ? {} : { interpreter }) };
    this.elf = ElfScan.of(head);
  }

  /** Counts bytes, and stops where the entropy of a part begins or ends. */
  private count(from: number, to: number): void {
    const { bytes, offset, histogram, elf } = this;
    let at = from;
    for (const cut of elf?.cuts ?? []) {
      if (cut < offset + at || cut >= offset + to) continue;
      histogram.add(bytes, at, cut - offset);
      elf?.cut(cut, histogram.counts());
      at = cut - offset;
    }
    histogram.add(bytes, at, to);
  }

  private reset(): void {
    this.length = 0;
    this.next = 0;
    this.offset = 0;
    this.head = undefined;
    this.elf = undefined;
    this.histogram.reset();
    this.strings.reset();
    this.wallets.reset();
  }
}
