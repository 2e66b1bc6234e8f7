import type { Lookup } from '../domain/lookup.js';
import { safeText } from '../domain/short-text.js';
import { countOf } from '../judgement/words.js';

/** Statuses of hashes that nothing is known of, for now or at all, those that a reader can do something about first. */
export const openStatuses = ['error', 'pending', 'not-asked'] as const;

const words = {
  error: ['lookup failed', 'lookups failed'],
  pending: [
    'hash has no answer yet; a new version of the report will have it',
    'hashes have no answer yet; a new version of the report will have them',
  ],
  'not-asked': ['hash was not asked about', 'hashes were not asked about'],
} as const;

/** How many hashes of a status there are, one text for each reason; safe to print. */
export function openTexts(lookups: readonly Lookup[], status: (typeof openStatuses)[number]): string[] {
  const some = lookups.filter((lookup) => lookup.status === status);
  const [one, many] = words[status];
  return [...byReason(some, ({ error, reason }) => [error?.code, reason ?? error?.message])].map(
    ([reason, { length }]) => `${countOf(length, one, many)}${reason === '' ? '' : `: ${reason}`}`,
  );
}

/** Lookups with the same words, by these words; safe to print. */
export function byReason(
  lookups: readonly Lookup[],
  wordsOf: (lookup: Lookup) => readonly (string | undefined)[],
): ReadonlyMap<string, readonly Lookup[]> {
  const groups = new Map<string, Lookup[]>();
  for (const lookup of lookups) {
    const texts = wordsOf(lookup).flatMap((text) => (text === undefined ? [] : [safeText(text, 200)]));
    const list = groups.get(texts.join(': '));
    if (list === undefined) groups.set(texts.join(': '), [lookup]);
    else list.push(lookup);
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}
