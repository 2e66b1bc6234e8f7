/** A list cut to what a report can hold. */
export interface Rows<T> {
  readonly total: number;
  readonly complete: boolean;
  readonly rows: T[];
}

/** Rows of one list that a report holds. */
export const maxRows = 5_000;
/** Names may be thousands of bytes long: a report is also limited by the size of its rows as JSON. */
export const maxRowBytes = 8 * 1024 * 1024;

/** Keeps the first rows, at most 5,000 and 8 MiB of JSON, and counts the rest; `visit` sees them all. */
export function firstRows<T>(source: Iterable<T>, visit: (row: T) => void): Rows<T> {
  const rows: T[] = [];
  let total = 0;
  let bytes = 0;
  let full = false;
  for (const row of source) {
    total += 1;
    visit(row);
    if (full) continue;
    bytes += Buffer.byteLength(JSON.stringify(row));
    full = rows.length >= maxRows || bytes > maxRowBytes;
    if (!full) rows.push(row);
  }
  return { total, complete: rows.length === total, rows };
}
