import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContentScanner } from '../../../playbooks/content/content-scanner.js';
import { stringReach } from '../../../playbooks/content/string-finder.js';
import { scan } from './scan.js';

const ls = readFileSync('/bin/ls');
const monero = '42ooWUV7UBwRqDnzzm9jKfhcooCBWGnNYeXX79bFvD5GEtJNsNKLgSpFPPxKjTpQjECsK6X3QGJp1bkiuweiF2h7EDBzmNp';
const scraps = [
  'http://a.example.org/x',
  'stratum+tcp://p.example.org:3333',
  '1.2.3.4:80',
  '[2001:db8::1]:443',
  '/dev/tcp/1.2.3.4/99',
  'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
  monero,
  '://',
  ':',
  ']:1',
  'http',
  '\0',
  ' ',
  'x'.repeat(120),
  'UPX!',
];
const scrap = fc.constantFrom(...scraps);
const piece = fc.oneof(
  scrap.map((text) => Buffer.from(text, 'latin1')),
  scrap.map((text) => Buffer.from(text, 'utf16le')),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: 0, max: 3_000 }).map((length) => Buffer.alloc(length, 'y')),
);
const pieces = fc.array(piece, { maxLength: 30 }).map((parts) => Buffer.concat(parts));
const sizes = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 5 });

/** Bytes of a real program, some of them changed: in the headers, or in the tables. */
const mutated = fc
  .tuple(
    fc.array(
      fc.tuple(
        fc.oneof(
          fc.nat(63),
          fc.nat(1_200),
          fc.nat(2_000).map((back) => ls.length - 1 - back),
        ),
        fc.nat(255),
      ),
      { minLength: 1, maxLength: 20 },
    ),
    fc.oneof(fc.constant(ls.length), fc.nat(ls.length), fc.nat(300)),
  )
  .map(([changes, length]) => {
    const bytes = Buffer.from(ls);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes.subarray(0, length);
  });

describe('a scan', () => {
  it('ends in facts of their schema, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => scan(bytes).size === bytes.length),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => scan(Buffer.concat([ls.subarray(0, 6), bytes])).type === 'ELF'),
      { numRuns: 300 },
    );
  });

  it('ends in facts of their schema for a program whose headers lie or are cut off', () => {
    fc.assert(
      fc.property(mutated, (bytes) => scan(bytes).size === bytes.length),
      { numRuns: 150 },
    );
  });

  it('comes to the same however the bytes come', () => {
    fc.assert(
      fc.property(pieces, sizes, (bytes, chunks) => {
        expect(scan(bytes, chunks)).toEqual(scan(bytes));
      }),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(mutated, sizes, (bytes, chunks) => {
        expect(scan(bytes, chunks)).toEqual(scan(bytes, [bytes.length]));
      }),
      { numRuns: 30 },
    );
  });

  it.each(['latin1', 'utf16le'] as const)('finds the same strings wherever they stand, also across the places where it cuts: %s', (encoding) => {
    const texts = [`http://a.example.org/${'x'.repeat(170)}`, '10.20.30.40:8080', 'stratum+tcp://p.example.org:3333', monero, '[2001:db8::1]:443'];
    const bytes = Buffer.from(` ${texts.join(' ')} `, encoding);
    // Where a look at the bytes in memory ends, and where those end.
    for (const cut of [128 * 1024 + stringReach, 128 * 1024 + 2 * stringReach]) {
      for (let before = cut - bytes.length - 10; before < cut + 10; before += encoding === 'latin1' ? 1 : 3) {
        const facts = scan(Buffer.concat([Buffer.alloc(before, '-'), bytes, Buffer.alloc(2 * stringReach)]));
        expect(facts.strings.map(({ text }) => text)).toEqual(texts);
      }
    }
  });

  it('takes nothing from one file into the next', () => {
    const scanner = new ContentScanner();
    const dirty = Buffer.concat([ls, Buffer.from(`http://a.example.org ${monero} ${'x'.repeat(200)}`)]);
    fc.assert(
      fc.property(pieces, (bytes) => {
        scan(dirty, [10_000], scanner);
        expect(scan(bytes, [1_000], scanner)).toEqual(scan(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it('prints nothing that a terminal could take for a command', () => {
    fc.assert(
      fc.property(pieces, (bytes) => {
        for (const { text } of scan(Buffer.concat([Buffer.from('#!/bin/sh'), bytes])).strings) expect(text).toMatch(/^[\x20-\x7e]*…?$/);
      }),
      { numRuns: 50 },
    );
  });
});
