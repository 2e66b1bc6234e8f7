import { uint16, uint32, varint } from './sqlite-numbers.js';
import { damaged, headerBytes, type SqlitePages } from './sqlite-pages.js';

/** Kinds of pages of a table's tree (SQLite, "Database File Format", 1.6). */
const interior = 0x05;
const leaf = 0x0d;

/**
 * The records of a table, in the order of its tree. They may share the memory of the file.
 * @throws TriageError `transfer-truncated` where the file is not as its format says
 */
export function* tableRecords(pages: SqlitePages, root: number): Generator<Buffer, void, undefined> {
  pages.claim(root);
  const next = [root];
  for (let number = next.pop(); number !== undefined; number = next.pop()) {
    const page = pages.at(number);
    const start = number === 1 ? headerBytes : 0;
    const kind = page[start];
    if (kind === leaf) yield* recordsOf(pages, page, start);
    else if (kind === interior) next.push(...childrenOf(pages, page, start).reverse());
    else throw damaged(`page ${number} is none of a table`);
  }
}

/** In their order. */
function childrenOf(pages: SqlitePages, page: Buffer, start: number): number[] {
  const cells = uint16(page, start + 3);
  const children: number[] = [];
  for (let index = 0; index < cells; index += 1) {
    const child = uint32(page, uint16(page, start + 12 + 2 * index));
    pages.claim(child);
    children.push(child);
  }
  const last = uint32(page, start + 8);
  pages.claim(last);
  return [...children, last];
}

function* recordsOf(pages: SqlitePages, page: Buffer, start: number): Generator<Buffer, void, undefined> {
  const cells = uint16(page, start + 3);
  let room = page.length;
  for (let index = 0; index < cells; index += 1) {
    const length = varint(page, uint16(page, start + 8 + 2 * index));
    const rowid = varint(page, length.end);
    if (length.value > pages.length) throw damaged(`a record of ${length.value} bytes is longer than the file`);
    const local = localBytes(length.value, pages.usable);
    // Cells do not overlap: together they are no longer than the page.
    room -= local + 1;
    if (room < 0 || rowid.end + local > page.length) throw damaged('records of a page are longer than the page');
    const here = page.subarray(rowid.end, rowid.end + local);
    yield local === length.value ? here : withOverflow(pages, here, length.value, uint32(page, rowid.end + local));
  }
}

/** How much of a record its page holds; the rest is in overflow pages (1.6 there). */
function localBytes(length: number, usable: number): number {
  const most = usable - 35;
  if (length <= most) return length;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (usable - 4));
  return fitting <= most ? fitting : least;
}

/** Follows the chain of overflow pages, each of which begins with the number of the next. */
function withOverflow(pages: SqlitePages, local: Buffer, length: number, first: number): Buffer {
  const parts = [local];
  let next = first;
  for (let left = length - local.length; left > 0; ) {
    pages.claim(next);
    const page = pages.at(next);
    const part = page.subarray(4, 4 + left);
    parts.push(part);
    left -= part.length;
    next = uint32(page, 0);
  }
  return Buffer.concat(parts, length);
}
