import { varint } from './sqlite-numbers.js';
import { damaged, type SqlitePages } from './sqlite-pages.js';
import { tableRecords } from './sqlite-table.js';

/** Text and blobs are their bytes; undefined is NULL, and whatever we have no use for. */
type Column = Buffer | number | undefined;

/** Bytes of whole numbers, by serial type (SQLite, "Database File Format", 2.1). */
const intBytes: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8 };

/**
 * The first columns of a record.
 * @throws TriageError `transfer-truncated` for a record that is not as its format says
 */
export function columnsOf(record: Buffer, most: number): Column[] {
  const header = varint(record, 0);
  const columns: Column[] = [];
  let at = header.value;
  for (let next = header.end; next < header.value && columns.length < most; ) {
    const type = varint(record, next);
    const size = sizeOf(type.value);
    if (at + size > record.length) throw damaged('a column lies outside of its record');
    columns.push(columnOf(type.value, record.subarray(at, at + size)));
    at += size;
    next = type.end;
  }
  return columns;
}

function sizeOf(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return type === 7 ? 8 : (intBytes[type] ?? 0);
}

function columnOf(type: number, bytes: Buffer): Column {
  if (type >= 12) return bytes;
  if (type === 8 || type === 9) return type - 8;
  // Page numbers have no more.
  return type >= 1 && type <= 5 ? bytes.readUIntBE(0, bytes.length) : undefined;
}

/**
 * The page on which the tree of a table begins, as the schema has it (2.6 there), which begins on page 1.
 * @throws TriageError `transfer-truncated` where there is none
 */
export function rootOfTable(pages: SqlitePages, table: string): number {
  for (const record of tableRecords(pages, 1)) {
    const [type, name, , root] = columnsOf(record, 4);
    if (isText(type, 'table') && isText(name, table) && typeof root === 'number') return root;
  }
  throw damaged(`it has no table ${table}`);
}

function isText(column: Column, text: string): boolean {
  return Buffer.isBuffer(column) && column.length === text.length && column.toString('latin1') === text;
}
