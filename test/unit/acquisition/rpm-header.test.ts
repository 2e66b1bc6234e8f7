import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Claims } from '../../../playbooks/acquisition/packages/claims.js';
import { takeHeader } from '../../../playbooks/acquisition/packages/rpm/package-header.js';
import { WantedPaths } from '../../../playbooks/acquisition/packages/rpm/wanted-paths.js';

const [char, int32, text, texts] = [1, 4, 6, 8];
const digest = 'a'.repeat(64);

type Value = readonly [tag: number, type: number, count: number, bytes: Buffer];

const int = (tag: number, ...numbers: number[]): Value => {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, each] of numbers.entries()) bytes.writeUInt32BE(each, index * 4);
  return [tag, int32, numbers.length, bytes];
};
const string = (tag: number, value: string): Value => [tag, text, 1, Buffer.from(`${value}\0`, 'latin1')];
const strings = (tag: number, ...values: string[]): Value => [
  tag,
  texts,
  values.length,
  Buffer.from(values.map((value) => `${value}\0`).join(''), 'latin1'),
];

/** A header as rpm keeps it: counts, entries, values. */
function header(values: readonly Value[]): Buffer {
  const entries = Buffer.alloc(8 + 16 * values.length);
  let offset = 0;
  for (const [index, [tag, type, count, bytes]] of values.entries()) {
    for (const [field, each] of [tag, type, offset, count].entries()) entries.writeUInt32BE(each, 8 + 16 * index + 4 * field);
    offset += bytes.length;
  }
  entries.writeUInt32BE(values.length, 0);
  entries.writeUInt32BE(offset, 4);
  return Buffer.concat([entries, ...values.map(([, , , bytes]) => bytes)]);
}

/** Package `x` with files `a` and `b` in /usr/bin, and what is to be otherwise. */
function claimsOf(...more: readonly Value[]): Claims {
  const usual = [
    string(1000, 'x'),
    strings(1117, 'a', 'b'),
    strings(1118, '/etc/', '/usr/bin/'),
    int(1116, 1, 1),
    strings(1035, digest, digest),
    int(5011, 8),
  ];
  const claims = new Claims('rpm');
  takeHeader(header([...usual, ...more]), new WantedPaths(['usr/bin/a', 'usr/bin/b', 'etc/a']), claims);
  return claims;
}

describe('the header of a package of rpm', () => {
  it('says what each file is, with a version as far as it has one', () => {
    expect(claimsOf().at('usr/bin/a')).toEqual({ package: 'x', algorithm: 'sha256', digest });
    expect(claimsOf(string(1001, '1'), string(1002, '2'), int(1003, 0)).at('usr/bin/b')?.version).toBe('0:1-2');
  });

  it('marks configuration, and leaves out ghosts', () => {
    const claims = claimsOf(int(1037, 1 | 16, 64));
    expect(claims.at('usr/bin/a')?.conffile).toBe(true);
    expect(claims.at('usr/bin/b')).toBeUndefined();
  });

  it.each([1, 2, 3, 4, 255])('leaves out files that are not there as the package has them: state %i', (state) => {
    const claims = claimsOf([1029, char, 2, Buffer.from([0, state])]);
    expect(['usr/bin/a', 'usr/bin/b'].map((path) => claims.at(path) !== undefined)).toEqual([true, false]);
    expect(claims.unreadable).toBe(0);
  });

  it('is what rpm has made of it, where a tag comes twice', () => {
    const claims = claimsOf(strings(1118, '/usr/bin/', '/etc/'));
    expect(['usr/bin/a', 'etc/a'].map((path) => claims.at(path) !== undefined)).toEqual([false, true]);
  });

  it.each<[string, Value]>([
    ['digests that cannot be compared', int(5011, 10)],
    ['digests of another length', int(5011, 1)],
    ['fewer digests than files', [1035, texts, 2, Buffer.from(digest)]],
    ['fewer names than it says', [1117, texts, 1_000_000_000, Buffer.from('a\0')]],
    ['names of another type', int(1117, 1, 2)],
    ['a name of another type', int(1000, 1)],
  ])('is counted with %s', (_, value) => {
    expect(claimsOf(value).unreadable).toBe(1);
  });

  it('is not counted where it has no files that were asked about, or none at all', () => {
    expect(claimsOf(strings(1118, '/a/', '/b/'), int(5011, 10)).unreadable).toBe(0);
    const claims = new Claims('rpm');
    takeHeader(header([string(1000, 'gpg-pubkey')]), new WantedPaths(['usr/bin/a']), claims);
    expect(claims.unreadable).toBe(0);
  });

  it('keeps the exact bytes of every path', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .map((raw) => Buffer.from(raw.map((byte) => (byte === 0 || byte === 0x2f ? 1 : byte))).toString('latin1'));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), name, (parts, base) => {
        const directory = parts.join('/');
        const claims = new Claims('rpm');
        const values = [string(1000, 'x'), strings(1117, base), strings(1118, `/${directory}/`), int(1116, 0), strings(1035, digest), int(5011, 8)];
        takeHeader(header(values), new WantedPaths([`${directory}/${base}`]), claims);
        expect(claims.at(`${directory}/${base}`)?.digest).toBe(digest);
      }),
    );
  });

  it('is a claim or is counted, whatever its bytes', () => {
    const word = fc.oneof(fc.constantFrom(1000, 1035, 1116, 1117, 1118, 5011), fc.integer({ min: 0, max: 40 }), fc.nat(0xffffffff));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), fc.uint8Array({ maxLength: 200 }), fc.nat(12), (words, tail, entries) => {
        const start = Buffer.alloc(8 + words.length * 4);
        start.writeUInt32BE(entries, 0);
        start.writeUInt32BE(tail.length, 4);
        for (const [index, each] of words.entries()) start.writeUInt32BE(each, 8 + 4 * index);
        const claims = new Claims('rpm');
        takeHeader(Buffer.concat([start, tail]), new WantedPaths(['usr/bin/a']), claims);
        expect(claims.unreadable).toBeLessThanOrEqual(1);
      }),
    );
  });
});
