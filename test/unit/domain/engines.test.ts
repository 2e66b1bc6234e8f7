import fc from 'fast-check';
import { expect, it } from 'vitest';
import { trustedFirst } from '../../../playbooks/domain/engines.js';

it('names trusted engines first, the rest by name, none twice and none lost', () => {
  expect(trustedFirst(['Zoner', 'AVG', 'Microsoft', 'ESET-NOD32', 'Kaspersky'])).toEqual(['Kaspersky', 'Microsoft', 'ESET-NOD32', 'AVG', 'Zoner']);
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 10 })), (names) => {
      expect([...trustedFirst(names)].sort()).toEqual([...names].sort());
      expect(trustedFirst(names.toReversed())).toEqual(trustedFirst(names));
    }),
  );
});
