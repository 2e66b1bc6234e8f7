import { TriageError } from '../../domain/error.js';
import { parseEntry, type TreeEntry } from '../node/find-records.js';
import { nulRecords, withoutDot } from '../node/node-command.js';
import { readTar } from '../tar/tar-reader.js';
import { ImageView } from './image-view.js';
import { type LayerEntry, parseStat } from './layer-entry.js';
import { OverlayMarks } from './overlay-marks.js';

const colon = 0x3a;

/** Bytes of paths and link targets that are held at most: a suspect can make 100,000 paths of any length. */
const maxNameBytes = 64 * 1024 * 1024;

/** What one command said of an overlay's directories (safe-layers.ts), as far as it has been read. Paths in sets and maps are latin1 of raw bytes. */
export class LayeredAnswer {
  /** What the walk found, up to `most`. */
  readonly entries: TreeEntry[] = [];
  /** Marks of the tree that was walked. */
  readonly marks: OverlayMarks;
  /** Whiteouts among the character devices of the tree that was walked: find cannot tell them. */
  readonly whiteouts = new Set<string>();
  readonly image: ImageView;
  /** Files whose attributes could not be read. */
  readonly uncopied = new Set<string>();
  /** The exit status of find. */
  walkStatus = 0;
  /** True when the tree, or what the image has below the names asked, has more than `most` entries: reading ended there. */
  full = false;
  /** True when the image has paths that are too long to be asked about. */
  hasLongPaths = false;
  /** The layer, from 1, that could not be read, and those below it were not asked. */
  failedLayer: { readonly number: number; readonly gone: boolean } | undefined;

  private current: OverlayMarks;
  private section: 'walk' | 'upper' | 'layer' | 'uncopied' = 'walk';
  private layer = 0;
  private ended = false;
  private nameBytes = 0;

  constructor(
    prefix: string,
    private readonly most: number,
  ) {
    this.marks = new OverlayMarks(prefix);
    this.image = new ImageView(prefix);
    this.current = this.marks;
  }

  /** Reads until the end, or until there is too much. Throws `transfer-truncated`, `command-failed`. */
  async read(stdout: AsyncIterable<Uint8Array>): Promise<void> {
    const records = nulRecords(stdout, 'the answer about layers');
    try {
      await this.readAll(records);
    } finally {
      // What is not read to its end must not hold up the command.
      await records.return();
    }
  }

  private async readAll(records: AsyncGenerator<Buffer, void>): Promise<void> {
    let next = await records.next();
    while (next.done !== true) {
      const { value } = next;
      if (value[0] === colon) next = await this.take(value.toString('latin1', 1), records);
      else {
        await this.takeRecord(value, records);
        if (this.full) return;
        next = await records.next();
      }
    }
    this.image.nextLayer();
    if (!this.ended) throw new TriageError('transfer-truncated', 'the answer about layers has no end');
  }

  /** Takes a line of structure and what belongs to it; returns the record after that. */
  private async take(what: string, records: AsyncGenerator<Buffer, void>): Promise<IteratorResult<Buffer, void>> {
    if (what === 'directories' || what === 'files') return this.takeArchive(records);
    const [word, number] = what.split(' ');
    if (word === 'walked') this.walkStatus = Number(number);
    else if (word === 'upper') this.section = 'upper';
    else if (word === 'layer') this.beginLayer(Number(number));
    else if (word === 'uncopied') return this.takeUncopied(records);
    else if (word === 'missing' || word === 'unsafe') this.failedLayer = { number: this.layer, gone: word === 'missing' };
    else if (word === 'long') this.hasLongPaths = true;
    else if (word === 'end') this.ended = true;
    else throw foreign();
    return records.next();
  }

  private beginLayer(number: number): void {
    this.section = 'layer';
    this.layer = number;
    this.current = this.image.nextLayer();
  }

  private async takeArchive(records: AsyncGenerator<Buffer, void>): Promise<IteratorResult<Buffer, void>> {
    let next = await records.next();
    const lines = async function* (): AsyncGenerator<Buffer, void> {
      for (; next.done !== true && next.value[0] !== colon; next = await records.next()) yield Buffer.from(next.value.toString('latin1'), 'base64');
    };
    for await (const entry of readTar(lines())) this.current.take(entry);
    if (next.done === true || next.value.toString('latin1') !== ':sent') throw foreign();
    return records.next();
  }

  private async takeUncopied(records: AsyncGenerator<Buffer, void>): Promise<IteratorResult<Buffer, void>> {
    let next = await records.next();
    for (; next.done !== true && next.value[0] !== colon && isName(next.value); next = await records.next()) {
      if (this.section !== 'layer') this.uncopied.add(withoutDot(next.value).toString('latin1'));
    }
    return next;
  }

  private async takeRecord(record: Buffer, records: AsyncGenerator<Buffer, void>): Promise<void> {
    if (this.section !== 'walk') {
      const { path, entry } = parseStat(record);
      this.takeStat(path, entry);
      return;
    }
    const target = await records.next();
    if (target.done === true) throw new TriageError('transfer-truncated', 'file listing: the last entry has no end');
    this.nameBytes += record.length + target.value.length;
    if (this.entries.length === this.most || this.nameBytes > maxNameBytes) this.full = true;
    else this.entries.push(parseEntry(record, target.value));
  }

  private takeStat(path: string, entry: LayerEntry): void {
    if (this.section === 'layer') {
      this.image.take(path, entry);
      this.full = this.image.size > this.most;
    } else if (entry.type === 'whiteout') this.whiteouts.add(path);
  }
}

/** Names begin with `./`, a record of stat with a digit. */
function isName(record: Buffer): boolean {
  return record[0] === 0x2e;
}

function foreign(): TriageError {
  return new TriageError('command-failed', 'the answer about layers has not the form that was asked for');
}
