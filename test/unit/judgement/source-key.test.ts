import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sourceKey } from '../../../playbooks/judgement/subject.js';
import { change } from './builders.js';

it('keys are as distinct as paths, and short enough for a map to tell them apart, however long the paths', () => {
  const path = fc.tuple(fc.constantFrom(1, 5_000, 60_000), fc.nat({ max: 9 })).map(([length, end]) => `${'x'.repeat(length)}${end}`);
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 10 }), (paths) => {
      const keys = paths.map((each) => sourceKey(change(each)));
      expect(new Set(keys).size).toBe(paths.length);
      expect(Math.max(0, ...keys.map((key) => key.length))).toBeLessThan(16_384);
    }),
    { numRuns: 30 },
  );
});
