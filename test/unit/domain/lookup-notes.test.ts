import { expect, test } from 'vitest';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { isLookupGap, notesOf } from '../../../playbooks/domain/lookup-notes.js';

function lookups(count: number, fields: Pick<Lookup, 'status' | 'reason' | 'error'>): Lookup[] {
  return Array.from({ length: count }, (_, at) => ({
    sha256: String(at).padStart(64, '0'),
    source: 'test',
    askedAt: '2026-01-02T03:04:05.678Z',
    cached: false,
    ...fields,
  }));
}

const failed = (code: 'intel-unauthorized' | 'timeout', message: string) => ({ status: 'error' as const, error: { code, message } });

test('answers make no gap, whatever they say', () => {
  for (const status of ['detected', 'suspicious', 'undetected', 'unknown', 'known-good', 'known-bad'] as const)
    expect(notesOf(lookups(3, { status }))).toEqual({ gaps: [], limits: [] });
});

test('failures make one gap for each code, with their number and what the source said', () => {
  const all = [
    ...lookups(2, failed('timeout', 'no answer after 60 s')),
    ...lookups(50, failed('intel-unauthorized', 'the key is not valid')),
    ...lookups(1, { status: 'error' }),
  ];
  expect(notesOf(all).gaps).toEqual([
    { subject: '1 lookup', reason: 'error' },
    { subject: '50 lookups', reason: 'intel-unauthorized', detail: 'the key is not valid' },
    { subject: '2 lookups', reason: 'timeout', detail: 'no answer after 60 s' },
  ]);
});

test('what is pending is a gap, what the budget left out a limit, what nobody could be asked about neither', () => {
  const { gaps, limits } = notesOf([
    ...lookups(7, { status: 'pending' }),
    ...lookups(4_950, { status: 'not-asked', reason: 'budget' }),
    ...lookups(2, { status: 'not-asked', reason: 'no intelligence source is configured' }),
  ]);
  expect(gaps).toMatchObject([{ subject: '7 lookups', reason: 'pending' }]);
  expect(limits).toMatchObject([{ subject: '4950 lookups', reason: 'budget' }]);
});

test('its own gaps are told from others', () => {
  const { gaps } = notesOf([...lookups(1, { status: 'pending' }), ...lookups(2, failed('timeout', 'late'))]);
  expect(gaps.map(isLookupGap)).toEqual([true, true]);
  expect(['web:/tmp/3 lookups', 'artifacts', '3 lookups more', 'x lookups'].map((subject) => isLookupGap({ subject }))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
