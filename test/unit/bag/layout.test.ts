import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  contentsOf,
  isBagPath,
  manifestLine,
  manifestText,
  olderReport,
  payloadFiles,
  readManifestLine,
  tagFiles,
} from '../../../playbooks/bag/layout.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';

const sha256 = 'a'.repeat(64);

test('a manifest encodes CR, LF and % and nothing else (RFC 8493 section 2.1.3)', () => {
  expect(manifestLine({ sha256, path: 'data/a\r\nb%0a c\té' })).toBe(`${sha256}  data/a%0D%0Ab%250a c\té\n`);
});

test('any path stands on one line, and comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (path) => {
      const line = manifestLine({ sha256, path });
      expect(line.match(/[\r\n]/g)).toEqual(['\n']);
      expect(readManifestLine(line.slice(0, -1))).toEqual({ sha256, path });
    }),
  );
});

test.each([
  `${sha256} data/a`,
  `${sha256}\tdata/a`,
  `${sha256} *data/a`,
  `${sha256.toUpperCase()}  data/a`,
  `${sha256.slice(1)}  data/a`,
  `${sha256}  `,
  `${sha256}  data/%0a`,
  `${sha256}  data/%41`,
  `${sha256}  data/%`,
])('a line that we do not write is none: %j', (line) => {
  expect(readManifestLine(line)).toBeUndefined();
});

test('lines of a manifest are sorted by their bytes', () => {
  const entries = ['\u{1f600}', '\uffee', 'b', 'a'].map((path) => ({ sha256, path }));
  const sorted = manifestText(entries).split('\n').slice(0, -1);
  expect(sorted).toEqual([...sorted].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  expect(sorted.map((line) => line.slice(66))).toEqual(['a', 'b', '\uffee', '\u{1f600}']);
});

test('what is signed as contents is the manifest without chain and checkpoint, in any order', () => {
  const entries = [payloadFiles.custody, payloadFiles.json, payloadFiles.checkpoint, payloadFiles.keys].map((path) => ({ sha256, path }));
  const text = `${sha256}  ${payloadFiles.keys}\n${sha256}  ${payloadFiles.json}\n`;
  expect(contentsOf(entries)).toBe(sha256Hex(text));
  expect(contentsOf(entries.toReversed())).toBe(sha256Hex(text));
  expect(contentsOf(entries.slice(1))).toBe(sha256Hex(text));
});

test('a bag has only names of its own', () => {
  const own = [...Object.values(tagFiles), ...Object.values(payloadFiles), `data/artifacts/${sha256}`, ...Object.values(olderReport(12))];
  expect(own.filter((path) => !isBagPath(path))).toEqual([]);
});

test.each([
  '',
  'data',
  'data/',
  '/bagit.txt',
  './bagit.txt',
  'bagit.txt/',
  'fetch.txt',
  'data/../bagit.txt',
  `data/artifacts/${sha256.slice(1)}`,
  `data/artifacts/${sha256}0`,
  `data/artifacts/${sha256}\n`,
  `data/artifacts/../${sha256}`,
  'data/reports/0/report.json',
  'data/reports/01/report.json',
  'data/reports/../report.json',
  'data/reports/2/x',
  'data\\report.json',
])('%j is no name of a file of a bag', (path) => {
  expect(isBagPath(path)).toBe(false);
});
