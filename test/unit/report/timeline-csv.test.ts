import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftReport } from '../../../playbooks/report/build.js';
import { timelineCsv } from '../../../playbooks/report/timeline-csv.js';
import type { TimelineRow } from '../../../playbooks/report/timeline-row.js';
import { change } from '../judgement/builders.js';
import { hostileNames, hostileRun } from './hostile-run.js';
import { sampleRun } from './sample-run.js';

const textOf = (rows: Iterable<TimelineRow>) => Buffer.concat([...timelineCsv({ rows: () => rows as Generator<TimelineRow> })]).toString('utf8');
const row = (extra: Partial<TimelineRow> = {}): TimelineRow => ({
  at: '2026-01-02T03:04:05.678Z',
  source: 'file',
  time: 'modified',
  what: 'added file',
  ...extra,
});

/** Records by RFC 4180, section 2; throws for what it does not allow. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [[]];
  let rest = text;
  while (rest !== '') {
    const [whole, quoted, plain = '', end] = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest) ?? [];
    if (whole === undefined) throw new Error(`no CSV: ${JSON.stringify(rest.slice(0, 100))}`);
    records.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    rest = rest.slice(whole.length);
    if (end === '\r\n') records.push([]);
  }
  records.pop();
  return records;
}

const formula = /^[=+\-@\t\r\n＝＋－＠]/;

describe('the timeline as CSV', () => {
  it('has the columns that Timesketch asks for, and times in one form', () => {
    const [header, ...records] = parseCsv(
      textOf([row(), row({ at: '2026-01-02T03:04:05Z', time: 'modified-and-changed' }), row({ at: '1969-12-31T23:59:59.999999Z', time: 'changed' })]),
    );
    expect(header?.slice(0, 4)).toEqual(['message', 'timestamp', 'datetime', 'timestamp_desc']);
    expect(records.map((record) => record.slice(1, 4))).toEqual([
      ['1767323045678000', '2026-01-02T03:04:05.678000+00:00', 'Content Modification Time'],
      ['1767323045000000', '2026-01-02T03:04:05.000000+00:00', 'Content Modification Time; Metadata Modification Time'],
      ['-1', '1969-12-31T23:59:59.999999+00:00', 'Metadata Modification Time'],
    ]);
  });

  it('has all that a row knows', () => {
    const all = row({
      what: 'added file',
      where: '/tmp/a,"b"',
      pathB64: 'dG1w',
      container: 'web',
      detail: 'mode 0755',
      sha256: 'a'.repeat(64),
      level: 'suspicious',
      group: 'logs',
      entry: 7,
    });
    const [header = [], record = []] = parseCsv(textOf([all]));
    expect(Object.fromEntries(header.map((name, index) => [name, record[index]]))).toEqual({
      message: 'added file /tmp/a,"b" in container web: mode 0755',
      timestamp: '1767323045678000',
      datetime: '2026-01-02T03:04:05.678000+00:00',
      timestamp_desc: 'Content Modification Time',
      source: 'FILE',
      level: 'suspicious',
      container: 'web',
      path: '/tmp/a,"b"',
      path_b64: 'dG1w',
      sha256: 'a'.repeat(64),
      group: 'logs',
      custody_entry: '7',
    });
  });

  it.each(['=1+1', '+1', '-1', '@x', '＝1', '\t=1', '\r=1'])('runs no formula of %j', (text) => {
    const [, record = []] = parseCsv(textOf([row({ what: text, where: text, container: text, pathB64: text })]));
    for (const cell of record.slice(6, 9)) expect(cell).toBe(`'${text}`);
    expect(record[0]).toMatch(/^'/);
  });

  it('reads back, whatever the suspect wrote, with no cell that is a formula and no line of its own', () => {
    const fuzz = fc.oneof(fc.constantFrom(...hostileNames), fc.string({ unit: 'binary', maxLength: 60 }));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fuzz, (bytes, words) => {
        const { timeline } = draftReport(hostileRun(Buffer.from(bytes), words));
        const records = parseCsv(textOf(timeline.rows()));
        expect(records).toHaveLength(timeline.total + 1);
        for (const record of records) {
          expect(record).toHaveLength(12);
          for (const [index, cell] of record.entries()) if (index !== 1) expect(cell).not.toMatch(formula);
          expect(record.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('comes in chunks, whole whatever its length', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => change(`srv/${index}`, { kind: 'deleted', mtime: '2026-01-02T03:04:05.000Z' }));
    const chunks = [...timelineCsv(draftReport(sampleRun(many)).timeline)];
    expect(chunks.length).toBeGreaterThan(20);
    for (const chunk of chunks) expect(chunk.length).toBeLessThan(80 * 1024);
    expect(parseCsv(Buffer.concat(chunks).toString('utf8'))).toHaveLength(20_001);
  });
});
