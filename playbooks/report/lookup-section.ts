import type { Lookup } from '../domain/lookup.js';
import { safeText } from '../domain/short-text.js';
import { countOf, listOf } from '../judgement/words.js';
import { type Names, namesOf } from './artifact-names.js';
import { answerLink, answerText } from './lookup-text.js';
import { code, prose } from './markdown-text.js';
import type { Report } from './model.js';
import { byReason, openStatuses, openTexts } from './open-lookups.js';
import { capped } from './sections.js';

const maxNames = 5;

/** Statuses whose hashes have a row each with all that was said of them. */
const told = ['detected', 'known-bad', 'suspicious'] as const;

/** What the sources said, grouped by status: what they warn of first, what they know as good in a row for each list, what has no answer as a count. */
export function lookupSection({ lookups, artifacts }: Pick<Report, 'lookups' | 'artifacts'>): string[] {
  if (lookups.length === 0) return [];
  const names = namesOf(artifacts);
  const parts = [
    ...told.map((status) => part(status, lookups, (some) => capped(some, (lookup) => answerRow(lookup, names)))),
    part('unknown', lookups, (some) => unknownRows(some, names)),
    part('undetected', lookups, (some) => capped(some, (lookup) => answerRow(lookup, names))),
    part('known-good', lookups, (some) => goodRows(some, names)),
    ...openStatuses.map((status) => part(status, lookups, (some) => capped(openTexts(some, status), (text) => `- ${prose(text)}`))),
  ];
  return ['## Lookups', '', 'A hash that is unknown was never seen by the source. That says nothing good about it.', ...parts.flat()];
}

function part(status: Lookup['status'], lookups: readonly Lookup[], rows: (some: readonly Lookup[]) => string[]): string[] {
  const some = lookups.filter((lookup) => lookup.status === status);
  return some.length === 0 ? [] : ['', `### ${status.replace('-', ' ')} (${some.length})`, '', ...rows(some)];
}

function answerRow(lookup: Lookup, names: Names): string {
  const link = answerLink(lookup);
  const paths = nameList(names(lookup.sha256));
  const said = [safeText(lookup.source, 40), answerText(lookup)].filter((part) => part !== '').join(': ');
  return `- ${code(lookup.sha256)}${paths === '' ? '' : ` ${paths}`}: ${prose(said)}${link === undefined ? '' : ` <${link}>`}`;
}

/** Of each hash only what it is of: what was said is the same for all of them, and said once. */
function unknownRows(lookups: readonly Lookup[], names: Names): string[] {
  return [...byReason(lookups, ({ source, reason }) => [source, reason])].flatMap(([said, some], index) => [
    ...(index === 0 ? [] : ['']),
    `${prose(said)}:`,
    '',
    ...capped(some, ({ sha256 }) => `- ${[code(sha256), nameList(names(sha256))].filter((part) => part !== '').join(' ')}`),
  ]);
}

/** A row for each list or package that knows the hashes, with the names of what they are of. */
function goodRows(lookups: readonly Lookup[], names: Names): string[] {
  const rows = [...byReason(lookups, ({ source, reason }) => [source, reason])].map(([said, some]) => {
    const paths = some.flatMap(({ sha256 }) => names(sha256).slice(0, 1)).sort();
    return `- ${prose(said)}: ${countOf(some.length, 'hash', 'hashes')}${paths.length === 0 ? '' : `, ${nameList(paths)}`}`;
  });
  return capped(rows, (row) => row);
}

function nameList(names: readonly string[]): string {
  const shown = names.slice(0, maxNames).map((name) => code(name, 200));
  return listOf(names.length > shown.length ? [...shown, `${names.length - shown.length} more`] : shown);
}
