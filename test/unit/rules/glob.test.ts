import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlobs, globProblem } from '../../../playbooks/judgement/glob.js';

describe('a pattern', () => {
  it.each([
    ['etc/passwd', 'etc/passwd', true],
    ['etc/passwd', 'etc/passwdx', false],
    ['etc/passwd', 'x/etc/passwd', false],
    ['etc/*', 'etc/passwd', true],
    ['etc/*', 'etc/a/b', false],
    ['etc/**', 'etc/a/b', true],
    ['etc/**', 'etc', false],
    ['**/x', 'x', true],
    ['**/x', 'a/b/x', true],
    ['**/x', 'a/bx', false],
    ['**/x/**', 'a/x/b', true],
    ['*.{php,phtml}', 'a.phtml', true],
    ['*.{php,phtml}', 'a.ph', false],
    ['a.b', 'axb', false],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['ETC/Passwd', 'etc/passwd', true],
    ['a/*', 'a/\n', true],
    ['a', 'a\n', false],
    ['/etc/shadow', '/etc/shadow', true],
    ['**/etc/shadow', '../../etc/shadow', true],
  ])('%s against %j says %s', (pattern, path, fits) => {
    expect(globProblem(pattern)).toBeUndefined();
    expect(compileGlobs([pattern]).test(path)).toBe(fits);
  });

  it('of one name fits that name behind any directories, of any bytes', () => {
    const expression = compileGlobs(['**/shell.php']);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(expression.test(`${Buffer.from(bytes).toString('latin1')}/shell.php`)).toBe(true);
      }),
    );
  });

  it('always compiles when it is found right', () => {
    const piece = fc.constantFrom('a', '*', '?', '{', '}', ',', '/', '**', '.', '+', '-');
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
        const pattern = pieces.join('');
        if (globProblem(pattern) === undefined) compileGlobs([pattern]).test('a/b');
      }),
      { numRuns: 2_000 },
    );
  });
});
