import { code } from './markdown-text.js';
import type { Report } from './model.js';

/** Rows of a long list that the Markdown shows; the JSON report and the listings hold the rest. */
const maxRows = 200;

/** A heading with its rows; nothing where there are none. */
export function section(title: string, note: string, rows: readonly string[]): string[] {
  if (rows.length === 0) return [];
  return [`## ${title}`, '', ...(note === '' ? [] : [note, '']), ...capped(rows, (row) => row)];
}

/** The first rows, and how many more there are. */
export function capped<T>(rows: readonly T[], show: (row: T) => string): string[] {
  const more = rows.length > maxRows ? [`- and ${rows.length - maxRows} more; the JSON report has them`] : [];
  return [...rows.slice(0, maxRows).map(show), ...more];
}

/** Where the rest is, where a report does not hold all rows. */
export function listingNote({ total, complete, rows, listing }: Omit<Report['changes'], 'groups'> | Report['artifacts']): string {
  if (complete) return '';
  return `The first ${rows.length} of ${total}; the whole listing is evidence ${listing === undefined ? 'of this run' : code(listing)}.`;
}
