import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quote } from '../../../playbooks/acquisition/quote.js';

const word = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', '!', ' ', '*', '=', '~', '-', 'a', '\u00e9', '\u0001') }),
);
const argv = fc.array(
  word.map((text) => text.replaceAll('\0', '')),
  { maxLength: 8 },
);

/** What a real shell makes of the words: each ended by NUL. */
function throughShell(shell: string, words: readonly string[]): string[] {
  const line = `printf '%s\\0' ${words.length === 0 ? '' : quote(words)}`;
  const out = execFileSync(shell, ['-c', line], { encoding: 'utf8' });
  return words.length === 0 ? [] : out.split('\0').slice(0, -1);
}

describe.each(['/bin/sh', '/bin/bash'])('%s', (shell) => {
  test('gives every argument back as it was', () => {
    fc.assert(
      fc.property(argv, (words) => {
        expect(throughShell(shell, words)).toEqual(words);
      }),
      { numRuns: 150 },
    );
  });

  test.each([['if'], ['A=b'], ['time'], ['~'], [''], ['-n'], ["'"], ["''"], ["\\'"]])('takes %j as a word and nothing more', (text) => {
    expect(throughShell(shell, [text, text])).toEqual([text, text]);
  });
});

test.each([[[]], [['a\0b']], [['\ud800']]])('%j cannot be quoted', (words) => {
  expect(() => quote(words)).toThrow(expect.objectContaining({ code: 'invalid-request' }) as Error);
});
