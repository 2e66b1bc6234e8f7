import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { piecesOf } from '../../../playbooks/acquisition/trees/long-paths.js';
import { prove } from '../../../playbooks/acquisition/trees/two-walks.js';

const before = new Map([
  ['a', 'directory 1 10 5.0'],
  ['a/b', 'directory 1 11 5.0'],
  ['a/b/f', 'file 1 12 5.0 3 5.0'],
  ['link', 'symlink 1 13 5.0 4 5.0'],
]);
const after = (path: string, mark?: string): Map<string, string> => {
  const changed = new Map(before);
  if (mark === undefined) changed.delete(path);
  else changed.set(path, mark);
  return changed;
};

describe('the proof of two walks', () => {
  it.each<[string, string, Map<string, string>, string]>([
    ['holds when nothing changed', 'a/b/f', before, 'same'],
    ['does not hold when a directory above has another ctime', 'a/b/f', after('a', 'directory 1 10 6.0'), 'way-changed'],
    ['does not hold when a directory above is another', 'a/b/f', after('a/b', 'directory 1 99 5.0'), 'way-changed'],
    ['does not hold when a directory above is gone', 'a/b/f', after('a/b'), 'way-changed'],
    ['does not hold for what lies behind a symlink that stood there both times', 'link/f', before, 'way-changed'],
    ['says that the file was written to', 'a/b/f', after('a/b/f', 'file 1 12 6.0 3 5.0'), 'file-changed'],
    ['says that the file is gone', 'a/b/f', after('a/b/f'), 'file-changed'],
    ['does not hold for what is no file', 'link', before, 'file-changed'],
  ])('%s', (_, path, walk, expected) => {
    expect(prove(path, before, walk)).toBe(expected);
  });
});

describe('a long path in pieces', () => {
  it('is the same path, and each piece can be entered by name', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 255 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x78 : byte))));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 60 }), (names) => {
        const path = Buffer.concat(names.flatMap((each, index) => (index === 0 ? [each] : [Buffer.from('/'), each])));
        const pieces = piecesOf(path);
        expect(pieces.every((piece) => piece.length < 4_096 && piece[0] === 0x2e)).toBe(true);
        const joined = pieces.map((piece) => piece.toString('latin1').replace(/^\.\/?/, '')).filter((piece) => piece !== '');
        expect(joined.join('/')).toBe(path.toString('latin1'));
      }),
    );
  });
});
