import fc from 'fast-check';
import { expect, test } from 'vitest';
import { displayText, pathName } from '../../../playbooks/domain/path-name.js';
import { fleetColumns, fleetCsv } from '../../../playbooks/fleet/csv.js';
import type { FleetReport } from '../../../playbooks/fleet/report.js';

function reportOf(path: Uint8Array, container = 'c'): FleetReport {
  const pods = [0, 1].map((number) => ({ number, namespace: 'shop', pod: `web-${number}`, group: 0, state: 'completed' as const }));
  return {
    version: 1,
    batch: `b${'0'.repeat(19)}`,
    at: '2026-01-01T00:00:00.000Z',
    groups: [{ namespace: 'shop', owner: { kind: 'Deployment', name: 'web' }, images: ['i'], pods: 2, examined: 1 }],
    pods,
    unknown: [{ number: 1, what: 'not-examined', reason: 'node-unreachable' }],
    artifacts: [
      {
        group: 0,
        container,
        place: 'rootfs',
        path: pathName(path),
        sha256: 'a'.repeat(64),
        size: 5,
        level: 'none',
        rarity: 'outlier',
        pods: [0],
        found: 3,
        elsewhere: 0,
      },
    ],
    left: 2,
  };
}

/** Reads CSV as RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const match of text.matchAll(/"((?:[^"]|"")*)"(,|\r\n)/g)) {
    rows.at(-1)?.push((match[1] ?? '').replaceAll('""', '"'));
    if (match[2] === '\r\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

test('a row has where the file was found, and what was not looked at stands in the same table', () => {
  const [head, row, unknown, left] = parseCsv(fleetCsv(reportOf(Buffer.from('tmp/x'))));
  expect(head).toEqual([...fleetColumns]);
  const numbers = ['5', '3', '1', '0'];
  expect(row).toEqual([
    'outlier',
    'none',
    'shop',
    'Deployment/web',
    'c',
    'rootfs',
    'tmp/x',
    'dG1wL3g=',
    'a'.repeat(64),
    ...numbers,
    'shop/web-0 and 2 more',
  ]);
  expect([unknown?.[0], unknown?.[6], unknown?.at(-1)]).toEqual(['not-examined', 'node-unreachable', 'shop/web-1']);
  expect(left?.[0]).toBe('left-out');
});

test.each(['=cmd()', '+1', '-1', '@sum', ' =1', '\t=1'])('a name like %j is no formula', (name) => {
  const [, row] = parseCsv(fleetCsv(reportOf(Buffer.from(name), name)));
  expect(row?.[4]).toBe(`'${name}`);
});

test('whatever names are, a cell is never a formula, and reads back as what was meant', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ maxLength: 40 }), (path, container) => {
      const rows = parseCsv(fleetCsv(reportOf(path, container)));
      expect(rows).toHaveLength(4);
      for (const row of rows) {
        expect(row).toHaveLength(fleetColumns.length);
        for (const cell of row) expect(cell).not.toMatch(/^\s*[=+\-@]/);
      }
      expect([displayText(path), `'${displayText(path)}`]).toContain(rows[1]?.[6]);
      expect(Buffer.from(rows[1]?.[7]?.replace(/^'/, '') ?? '', 'base64').equals(Buffer.from(path))).toBe(true);
    }),
  );
});
