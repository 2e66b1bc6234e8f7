import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonical } from '../../../playbooks/domain/canonical.js';
import { entryText, kidOf } from '../../../playbooks/domain/entry-text.js';

const text = fc.string({ unit: 'grapheme' });
const body = fc.record(
  {
    act: text,
    actor: text,
    at: text,
    by: fc.stringMatching(/^[\w-]*$/),
    detail: fc.dictionary(fc.string(), fc.jsonValue()),
    id: text,
    prev: text,
    run: text,
    seq: fc.nat(),
    subject: text,
  },
  { requiredKeys: ['act', 'actor', 'at', 'by', 'detail', 'id', 'prev', 'run', 'seq'] },
);

test('an entry has the canonical form that RFC 8785 gives to all of its fields', () => {
  fc.assert(
    fc.property(body, (entry) => {
      const { hashed, line } = entryText(entry);
      expect(hashed).toBe(canonical(entry));
      expect(line('h', 's')).toBe(canonical({ ...entry, hash: 'h', sig: 's' }));
    }),
  );
});

test('a line says which key it was signed with, whatever else it says', () => {
  fc.assert(
    fc.property(body, (entry) => {
      expect(kidOf(entryText(entry).line('h', 's'))).toBe(entry.by);
    }),
  );
});

test('a line of any other form is read in no time and without an error', () => {
  expect(kidOf('')).toBeUndefined();
  expect(kidOf('{"act":"a","actor":"b","at":"c","by":"')).toBeUndefined();
  expect(kidOf(`{"act":"","actor":"${'a'.repeat(20_000_000)}`)).toBeUndefined();
});
