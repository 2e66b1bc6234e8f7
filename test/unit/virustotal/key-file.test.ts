import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import { parseKeyFile } from '../../../workers/adapters/virustotal/key-file.js';

const file = '/etc/podtriage/keys';

function problem(text: string): TriageError {
  try {
    parseKeyFile(text, file);
  } catch (error) {
    if (error instanceof TriageError) return error;
  }
  throw new Error('expected a refusal');
}

describe('a file of keys', () => {
  it('has one key a line, with limits of its own or none', () => {
    const text = '# ours\r\nfirst\n\n  second   4 500 15500  \n# spare\nthird 1000 20000 600000';
    expect(parseKeyFile(text, file)).toEqual([
      { key: 'first', limits: {} },
      { key: 'second', limits: { perMinute: 4, perDay: 500, perMonth: 15_500 } },
      { key: 'third', limits: { perMinute: 1_000, perDay: 20_000, perMonth: 600_000 } },
    ]);
  });

  it.each([
    ['secretkey 4 500', 1],
    ['# x\nsecretkey 4 500 many', 2],
    ['fine\nsecretkey 0 1 1', 2],
    ['secretkey 4 500 15500 # comment', 1],
    ['secretkey\u00e9', 1],
    ['a\nb\nsecretkey\nsecretkey', 4],
    [`secretkey${'x'.repeat(200)}`, 1],
  ])('is refused by file and line, never by what is in it: %j', (text, line) => {
    const { code, message } = problem(text);
    expect(code).toBe('config-invalid');
    expect(message).toContain(`line ${line} of ${file}`);
    expect(message).not.toContain('secretkey');
  });

  it.each(['', '\n\n', '# only words\n'])('without a key is refused: %j', (text) => {
    expect(problem(text)).toMatchObject({ code: 'config-invalid', message: expect.stringContaining(file) as string });
  });

  it('is a list of keys or an error that shows nothing of it', () => {
    const word = fc.string({ unit: fc.constantFrom('q', 'Q', '7', ' ', '\n', '#', '\t', '\u0000'), maxLength: 40 });
    fc.assert(
      fc.property(word, (text) => {
        try {
          for (const { key } of parseKeyFile(text, file)) expect(key).toMatch(/^[\x21-\x7e]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(TriageError);
          expect(String(error)).not.toMatch(/[qQ7]{3}/);
        }
      }),
    );
  });
});

describe('the name of a key', () => {
  it('is 12 digits of its sha256, the same everywhere', () => {
    expect(keyId('first')).toBe('a7937b64b8ca');
    expect(keyId('second')).not.toBe(keyId('first'));
  });
});
