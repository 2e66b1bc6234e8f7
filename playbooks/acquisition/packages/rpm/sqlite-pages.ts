import { TriageError } from '../../../domain/error.js';

/** The file's own header, at the start of page 1 (SQLite, "Database File Format", 1.3). */
export const headerBytes = 100;

const magic = Buffer.from('SQLite format 3\0', 'latin1');

/** A database that is not as its format says; one that was read while somebody wrote it looks the same. */
export function damaged(what: string): TriageError {
  return new TriageError('transfer-truncated', `the database is damaged: ${what}`);
}

/**
 * The pages of an SQLite database. Each can be had once: in a sound file no page has two uses, and in a hostile one no cycle, however it is
 * made, costs more than the file is long.
 */
export class SqlitePages {
  /** Bytes of a page that hold anything. */
  readonly usable: number;
  private readonly size: number;
  private readonly taken: Uint8Array;

  /** Throws `transfer-truncated` for what is no whole SQLite file with text in UTF-8. */
  constructor(private readonly bytes: Buffer) {
    if (bytes.length < headerBytes || !bytes.subarray(0, magic.length).equals(magic)) throw damaged('it does not begin as SQLite’s');
    const size = bytes.readUInt16BE(16);
    // 65536 does not fit into the field.
    this.size = size === 1 ? 65_536 : size;
    this.usable = this.size - bytes.readUInt8(20);
    if (this.size < 512 || (this.size & (this.size - 1)) !== 0 || this.usable < 480) throw damaged(`it has pages of ${size} bytes`);
    if (bytes.readUInt32BE(56) !== 1) throw damaged('its text is not in UTF-8');
    const count = Math.floor(bytes.length / this.size);
    // The count in the header is right where both change counters are the same (1.3.7 there).
    if (bytes.readUInt32BE(24) === bytes.readUInt32BE(92) && bytes.readUInt32BE(28) > count) throw damaged('its end is missing');
    this.taken = new Uint8Array(count + 1);
  }

  /** Bytes of the file: nothing in it is longer. */
  get length(): number {
    return this.bytes.length;
  }

  /** Says that a page is going to be read. Throws `transfer-truncated` for a page that the file does not have, or whose use is known. */
  claim(page: number): void {
    if (page < 1 || page >= this.taken.length) throw damaged(`it has no page ${page}`);
    if (this.taken[page] === 1) throw damaged(`page ${page} is used twice`);
    this.taken[page] = 1;
  }

  /** The usable bytes of a claimed page. */
  at(page: number): Buffer {
    const from = (page - 1) * this.size;
    return this.bytes.subarray(from, from + this.usable);
  }
}
