import type { Lookup } from '../../domain/lookup.js';
import { countOf } from '../../judgement/words.js';
import { namesOf } from '../artifact-names.js';
import { answerLink, answerText } from '../lookup-text.js';
import type { Report } from '../model.js';
import { byReason, openStatuses, openTexts } from '../open-lookups.js';
import type { Part } from './part.js';
import { code, type Html, type HtmlValue, html } from './safe-html.js';
import { table } from './table.js';

const columns = [{ title: 'Status', width: 'w8' }, { title: 'sha256', width: 'w24' }, { title: 'Of' }, { title: 'What the source says' }] as const;
const maxNames = 3;

/** Statuses whose hashes have a row each, what a source warns of first. */
const told: readonly Lookup['status'][] = ['known-bad', 'detected', 'suspicious', 'unknown', 'undetected'];

/** What the sources said. What lists know as good, and what has no answer, is counted. */
export function lookupPart({ lookups, artifacts }: Report): Part {
  const names = namesOf(artifacts);
  const rows = told.flatMap((status) => lookups.filter((lookup) => lookup.status === status));
  const counted = [...goodTexts(lookups), ...openStatuses.flatMap((status) => openTexts(lookups, status))];
  const body = html`<p>${
    lookups.length === 0 ? 'No hash was asked about.' : 'A hash that is unknown was never seen by the source. That says nothing good about it.'
  }</p>
${table('Answers about hashes, warnings first', columns, rows, (lookup) => cells(lookup, names(lookup.sha256)))}
${counted.length === 0 ? undefined : html`<ul class="plain">${counted.map((text) => html`<li>${text}</li>`)}</ul>`}`;
  return { id: 'lookups', title: 'Lookups', count: lookups.length, body };
}

const colours: Partial<Record<Lookup['status'], string>> = { 'known-bad': 'malicious', detected: 'malicious', suspicious: 'suspicious' };

function cells(lookup: Lookup, names: readonly string[]): HtmlValue[] {
  const { status, sha256, source } = lookup;
  const words = status.replace('-', ' ');
  const colour = colours[status];
  const more = names.length - maxNames;
  return [
    colour === undefined ? words : html`<span class="level ${colour}">${words}</span>`,
    code(sha256),
    [...names.slice(0, maxNames).map((name) => html`${code(name, 200)} `), more > 0 ? `and ${more} more` : undefined],
    [[source, answerText(lookup)].filter((part) => part !== '').join(': '), linkOf(lookup)],
  ];
}

/** Only an address that is plain may be one to follow. */
function linkOf(lookup: Lookup): Html | undefined {
  const link = answerLink(lookup);
  return link === undefined
    ? undefined
    : html` <a href="${link}" rel="noopener noreferrer">the whole answer<span class="away"> at ${new URL(link).host}</span></a>`;
}

function goodTexts(lookups: readonly Lookup[]): string[] {
  const good = lookups.filter(({ status }) => status === 'known-good');
  return [...byReason(good, ({ source, reason }) => [source, reason])].map(
    ([said, { length }]) => `${countOf(length, 'hash', 'hashes')} known as good: ${said}`,
  );
}
