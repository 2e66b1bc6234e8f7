import type { Timeline } from './timeline.js';
import { rowText, type TimelineRow } from './timeline-row.js';

/** Rows are gathered up to so many characters. */
const chunkLength = 64 * 1024;

const descriptions: Readonly<Record<TimelineRow['time'], string>> = {
  modified: 'Content Modification Time',
  changed: 'Metadata Modification Time',
  'modified-and-changed': 'Content Modification Time; Metadata Modification Time',
  started: 'Start Time',
  done: 'Recorded Time',
};

const sources: Readonly<Record<TimelineRow['source'], string>> = { file: 'FILE', process: 'PROCESS', podtriage: 'PODTRIAGE' };

/** A column: its name, and its cell of a row. */
type Column = readonly [name: string, cell: (this: void, row: TimelineRow) => string];

const columns: readonly Column[] = [
  ['message', (row) => textCell(rowText(row))],
  ['timestamp', ({ at }) => microseconds(at)],
  ['datetime', ({ at }) => isoTime(at)],
  ['timestamp_desc', ({ time }) => descriptions[time]],
  ['source', ({ source }) => sources[source]],
  ['level', ({ level }) => level ?? ''],
  ['container', ({ container }) => textCell(container ?? '')],
  ['path', ({ where }) => textCell(where ?? '')],
  ['path_b64', ({ pathB64 }) => textCell(pathB64 ?? '')],
  ['sha256', ({ sha256 }) => sha256 ?? ''],
  ['group', ({ group }) => group ?? ''],
  ['custody_entry', ({ entry }) => (entry === undefined ? '' : String(entry))],
];

/**
 * A whole timeline as CSV (RFC 4180, UTF-8, lines end in CR LF), to be streamed into the evidence store. Its columns are those that Timesketch asks
 * for, `message`, `datetime` (ISO 8601) and `timestamp_desc`, with `timestamp` in microseconds since 1970 (timesketch.org, "Create timeline from
 * JSON/JSONL/CSV file"); all times have one form, as its importer lets fall what does not look like the first. The words of `timestamp_desc` are
 * those of Plaso. A text that a spreadsheet would run as a formula has an apostrophe before it (OWASP, "CSV Injection"); base64 has none of its own.
 */
export function* timelineCsv(timeline: Pick<Timeline, 'rows'>): Generator<Buffer> {
  let text = lineOf(columns.map(([name]) => name));
  for (const row of timeline.rows()) {
    text += lineOf(columns.map(([, cell]) => cell(row)));
    if (text.length < chunkLength) continue;
    yield Buffer.from(text, 'utf8');
    text = '';
  }
  yield Buffer.from(text, 'utf8');
}

/** A line of CSV (RFC 4180). */
export function lineOf(cells: readonly string[]): string {
  return `${cells.map(quoted).join(',')}\r\n`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** What makes a formula of a cell, in ASCII and in the wide forms of East Asian fonts. */
const formula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** Text from outside as a cell that no spreadsheet takes for a formula. */
export function textCell(text: string): string {
  return formula.test(text) ? `'${text}` : text;
}

function isoTime(at: string): string {
  const [seconds, micros] = partsOf(at);
  return `${seconds}.${micros}+00:00`;
}

function microseconds(at: string): string {
  const [seconds, micros] = partsOf(at);
  return String(BigInt(Date.parse(`${seconds}Z`)) * 1_000n + BigInt(micros));
}

/** A time to the second, and the six digits after it. */
function partsOf(at: string): [string, string] {
  const [, seconds = '', fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?Z$/.exec(at) ?? [];
  return [seconds.length === 16 ? `${seconds}:00` : seconds, fraction.padEnd(6, '0').slice(0, 6)];
}
