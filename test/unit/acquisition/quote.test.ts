import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quote } from '../../../playbooks/acquisition/node/quote.js';

const word = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', '!', ' ', '*', '=', '~', '-', 'a', '\u00e9', '\u0001') }),
);
/** Many at once, as each shell costs milliseconds to start. */
const argv = fc.array(
  word.map((text) => text.replaceAll('\0', '')),
  { minLength: 1, maxLength: 400, size: 'max' },
);

/** The bytes of the arguments that a real shell makes of the line: each ended by NUL. */
function throughShell(shell: string, line: string): Buffer {
  return execFileSync(shell, ['-c', `printf '%s\\0' ${line}`], { maxBuffer: 64 * 1024 * 1024 });
}

function asBytes(words: readonly string[]): Buffer {
  return Buffer.from(words.map((text) => `${text}\0`).join(''), 'utf8');
}

describe.each(['/bin/dash', '/bin/bash', '/bin/sh'])('%s', (shell) => {
  test('gives the exact bytes of every argument back', () => {
    fc.assert(
      fc.property(argv, (words) => {
        expect(throughShell(shell, quote(words)).equals(asBytes(words))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('also when a shell hands the line to another one, as sudo and sshd do', () => {
    fc.assert(
      fc.property(argv, (words) => {
        const inner = `printf '%s\\0' ${quote(words)}`;
        const out = execFileSync(shell, ['-c', quote([shell, '-c', inner])], { maxBuffer: 64 * 1024 * 1024 });
        expect(out.equals(asBytes(words))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test.each([['if'], ['A=b'], ['time'], ['~'], [''], ['-n'], ["'"], ["''"], ["\\'"], ['!!'], ['{a,b}'], ['$(id)'], ['a\nb'], ['\r'], ['\x1b[2J']])(
    'takes %j as a word and nothing more',
    (text) => {
      expect(throughShell(shell, quote([text, text]))).toEqual(asBytes([text, text]));
    },
  );
});

test.each([[[]], [['a\0b']], [['\ud800']]])('%j cannot be quoted', (words) => {
  expect(() => quote(words)).toThrow(expect.objectContaining({ code: 'invalid-request' }) as Error);
});
