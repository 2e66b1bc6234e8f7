import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../../cli/exit-codes.js';
import { safeJson, safeLines } from '../../../cli/io.js';
import { bytes, factText } from '../../../cli/ui/fact-text.js';
import { duration, stepText } from '../../../cli/ui/step-text.js';
import { table } from '../../../cli/ui/table.js';

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());

describe('what is printed', () => {
  it('has no character in a document that could steer a terminal, but line ends', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(safeLines(text)).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('leaves ordinary documents as they are', () => {
    const document = '# Report\n\n| a \\| b | ü 日本 |\n';
    expect(safeLines(document)).toBe(document);
  });

  it('is the same JSON value in ASCII', () => {
    fc.assert(
      fc.property(fc.jsonValue(), anyText, (value, text) => {
        const printed = safeJson({ value, text });
        expect(printed).toMatch(/^[\x20-\x7e\n]*$/);
        expect(JSON.parse(printed)).toEqual(JSON.parse(JSON.stringify({ value, text })));
      }),
    );
  });

  it('tells of a step safely, whatever the service says', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const said = stepText({ name: 'x', state: 'failed', attempt: 2, error: { code: text, message: text }, reason: text, detail: text }, 0);
        expect(said).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
  });

  it('tells of facts safely, and of nothing that does not parse', () => {
    expect(factText({ node: { name: 'a\x1bb', address: 'x' } })).toBe('node a\\x1bb');
    expect(factText({ node: 1, changes: { count: 'many' }, invented: true })).toBe('');
  });

  it('shows durations and sizes for people', () => {
    expect([duration(-5), duration(1_234), duration(83_000)]).toEqual(['0.0 s', '1.2 s', '1 min 23 s']);
    expect([bytes(0), bytes(1_536), bytes(5 * 1024 ** 3)]).toEqual(['0 B', '1.5 KiB', '5.0 GiB']);
  });

  it('lines columns up', () => {
    expect(
      table([
        ['a', 'bb'],
        ['ccc', 'd'],
      ]),
    ).toBe('a    bb\nccc  d\n');
  });
});

describe('exitCodeOf', () => {
  it('is an error for every run that was not judged to its end', () => {
    expect(exitCodeOf({ state: 'cancelled', verdict: 'malicious' })).toBe(1);
    expect(exitCodeOf({ state: 'failed' })).toBe(1);
    expect(exitCodeOf({ state: 'completed' })).toBe(1);
  });
});
