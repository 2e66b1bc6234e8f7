import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dynamicSection, elfFile } from './elf-file.js';
import { scan } from './scan.js';

const [load, dynamic, interpreter] = [1, 2, 3];
const [executable, writable, readable] = [1, 2, 4];
const code = { type: load, flags: readable | executable, content: Buffer.from('\x55\x48\x89\xe5'.repeat(2_000), 'latin1') };
/** As good as random, the same each time. */
const noise = Buffer.concat(Array.from({ length: 1_000 }, (_none, index) => createHash('sha256').update(String(index)).digest()));
const symbols = { name: '.symtab', type: 2, flags: 0 };
const text = { name: '.text', type: 1, flags: 6, segment: 0 };
const needs = (...entries: readonly (readonly [number, number])[]) => ({ type: dynamic, flags: readable, content: dynamicSection(...entries) });
const asks = { type: interpreter, flags: readable, content: Buffer.from('/lib64/ld-linux-x86-64.so.2\0') };

const elfOf = (recipe: Parameters<typeof elfFile>[0], sizes?: readonly number[]) => scan(elfFile(recipe), sizes).elf;

describe('an ELF file', () => {
  it('of this system is described as its tools describe it', () => {
    expect(scan(readFileSync('/bin/ls'))).toMatchObject({ type: 'ELF', elf: { kind: 'executable', static: false, stripped: true } });
    expect(scan(readFileSync('/bin/ls')).elf?.packed).toBeUndefined();
    expect(scan(readFileSync(process.execPath)).elf).toMatchObject({ bits: 64, kind: 'executable', static: false, stripped: false });
  });

  it('is static when it asks for no dynamic linker and no library, wherever it can be loaded', () => {
    expect(elfOf({ segments: [code] })).toMatchObject({ machine: 'x86-64', bits: 64, kind: 'executable', static: true });
    expect(elfOf({ type: 3, segments: [code, needs([0x6ffffffb, 0x08000000])] })).toMatchObject({ kind: 'executable', static: true });
    expect(elfOf({ type: 3, segments: [code, needs([1, 1], [0x6ffffffb, 0x08000000])] })).toMatchObject({ kind: 'executable', static: false });
    expect(elfOf({ segments: [code, asks] })).toMatchObject({ static: false });
    expect(elfOf({ type: 3, segments: [code, needs([1, 1], [14, 9])] })).toMatchObject({ kind: 'shared', static: false });
  });

  it('is not called static when it cannot be told', () => {
    expect(elfOf({ lies: [[32, 1n << 60n, 8]] })).toMatchObject({ static: false });
    expect(elfOf({ segments: [code, { type: dynamic, flags: readable, content: Buffer.alloc(64, 1) }] })).toMatchObject({ static: false });
    expect(elfOf({ type: 1, sections: [symbols] })).toMatchObject({ kind: 'relocatable', static: false });
  });

  it('is stripped without a symbol table, and nothing is said where the table of sections is missing', () => {
    expect(elfOf({ segments: [code], sections: [text] })).toMatchObject({ stripped: true });
    expect(elfOf({ segments: [code], sections: [text, symbols] })).toMatchObject({ stripped: false });
    expect(elfOf({ segments: [code] })).toMatchObject({ stripped: true });
    const whole = elfFile({ segments: [code], sections: [text, symbols] });
    expect(scan(whole.subarray(0, whole.length - 300)).elf).not.toHaveProperty('stripped');
    expect(elfOf({ segments: [code], sections: [text], lies: [[40, 1n << 62n, 8]] })).not.toHaveProperty('stripped');
  });

  it('finds its table of sections however far away it is', () => {
    const far = { type: load, flags: readable, content: Buffer.alloc(700_000) };
    expect(elfOf({ segments: [code, far], sections: [text, symbols] }, [1_000])).toMatchObject({ stripped: false });
  });
});

describe('a packed ELF file', () => {
  const dense = { ...code, content: noise };

  it('is told by the names and the mark of UPX', () => {
    expect(elfOf({ segments: [code], sections: [{ ...text, name: 'UPX0' }] })?.packed).toBe('section UPX0');
    const marked = Buffer.concat([Buffer.from('UPX!'), code.content]);
    expect(elfOf({ segments: [{ ...code, content: marked }] })?.packed).toBe('mark UPX!');
    expect(scan(Buffer.concat([elfFile({ segments: [code] }), Buffer.alloc(200_000), Buffer.from('UPX!\r\x08')])).elf?.packed).toBe('mark UPX!');
  });

  it('is told by the entropy of code without sections, or of code that it can write', () => {
    expect(elfOf({ segments: [dense] })?.packed).toMatch(/^no sections, entropy of code 7\.9\d?$/);
    expect(elfOf({ segments: [{ ...dense, flags: readable | writable | executable }], sections: [text] })?.packed).toMatch(
      /^writable code, entropy 7\.9\d?$/,
    );
    expect(elfOf({ segments: [dense], sections: [{ ...text, flags: 7 }] })?.packed).toMatch(/^writable code/);
  });

  it('is none where only its data is dense, or its code is ordinary', () => {
    expect(elfOf({ segments: [code, { ...dense, flags: readable | writable }] })).not.toHaveProperty('packed');
    expect(elfOf({ segments: [code, { ...dense, flags: readable }], sections: [text] })).not.toHaveProperty('packed');
    expect(elfOf({ segments: [dense], sections: [text] })).not.toHaveProperty('packed');
    expect(scan('this text speaks of UPX! and of UPX0')).not.toHaveProperty('elf');
  });

  it('is measured by its own bytes alone, wherever they lie in the file', () => {
    const before = { type: load, flags: readable, content: Buffer.alloc(300_001) };
    expect(elfOf({ segments: [before, dense, before] }, [777])?.packed).toMatch(/entropy of code 7\.9\d?$/);
  });
});
