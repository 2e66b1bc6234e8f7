import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scan } from './scan.js';

const bytes = (text: string, rest = 40) => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(rest)]);

describe('the type of a file', () => {
  it.each([
    ['empty', Buffer.alloc(0)],
    ['ELF', bytes('\x7fELF')],
    ['Java class', bytes('\xca\xfe\xba\xbe\0\0\0\x3d')],
    ['Mach-O', bytes('\xca\xfe\xba\xbe\0\0\0\x02')],
    ['Mach-O', bytes('\xcf\xfa\xed\xfe')],
    ['wasm', bytes('\0asm\x01\0\0\0')],
    ['gzip', gzipSync('x')],
    ['xz', bytes('\xfd7zXZ\0')],
    ['zstd', bytes('\x28\xb5\x2f\xfd')],
    ['zip', bytes('PK\x03\x04')],
    ['7z', bytes('7z\xbc\xaf\x27\x1c')],
    ['tar', Buffer.concat([Buffer.alloc(257, 'a'), bytes('ustar\x0000', 300)])],
    ['PNG', bytes('\x89PNG\r\n\x1a\n')],
    ['PDF', bytes('%PDF-1.7\n')],
    ['SQLite', bytes('SQLite format 3\0')],
    ['Python bytecode', bytes('\xcb\x0d\r\n')],
    ['PE', Buffer.concat([bytes('MZ', 58), Buffer.from([0x80, 0, 0, 0]), Buffer.alloc(64), bytes('PE\0\0')])],
    ['DOS executable', bytes('MZ\x90\0', 60)],
    ['script', Buffer.from('#!/bin/sh\n')],
    ['PHP', Buffer.from('\n <?php echo 1;')],
    ['text', Buffer.from('plain äöü text\n')],
    ['text', Buffer.from('MZ is how this text begins, and it is long enough to be no accident: more than sixty-four bytes')],
    ['text UTF-16', Buffer.from('\ufeffwide', 'utf16le')],
    ['text ISO-8859', Buffer.from('gr\xfc\xdfe\n', 'latin1')],
    ['data', Buffer.from([1, 2, 3, 4, 5])],
    ['data', bytes('ab\r\n')],
  ])('is %s by its bytes', (type, content) => {
    expect(scan(content).type).toBe(type);
  });

  it('is text also where its beginning, as far as it is looked at, ends inside of a character', () => {
    expect(scan(`x${'ä'.repeat(100_000)}`).type).toBe('text');
  });
});

describe('the interpreter of a script', () => {
  it.each([
    ['#!/bin/sh\n', '/bin/sh'],
    ['#! /bin/bash -e\necho', '/bin/bash -e'],
    ['#!/usr/bin/env python3\n', 'python3'],
    ['#!/usr/bin/env -S node --no-warnings\n', 'node --no-warnings'],
    ['#!/usr/bin/env -S FOO=1 -u BAR perl -w\r\n', 'perl -w'],
    ['#!/usr/bin/env', ''],
    [`#!/${'x'.repeat(5_000)}`, `/${'x'.repeat(198)}…`],
    ['#!/bin/sh\x1b[2J\n', '/bin/sh\ufffd[2J'],
  ])('of %j is %j', (content, interpreter) => {
    expect(scan(content)).toMatchObject({ type: 'script', interpreter });
  });

  it('is none of a text that only has the marks further on', () => {
    expect(scan('\n#!/bin/sh\n')).not.toHaveProperty('interpreter');
  });
});

describe('entropy', () => {
  it('is 0 of one byte again and again, 8 of all bytes alike, and 0 of nothing', () => {
    expect(scan(Buffer.alloc(400_000, 7)).entropy).toBe(0);
    expect(scan(Buffer.from(Array.from({ length: 256 * 1_000 }, (_none, index) => index % 256))).entropy).toBe(8);
    expect(scan('abab').entropy).toBe(1);
    expect(scan('').entropy).toBe(0);
  });
});
