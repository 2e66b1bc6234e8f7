import type { Finding } from '../../domain/verdict.js';
import { code, type Html, html } from './safe-html.js';

/** How bad a finding is, as a word with a colour. */
export function level(grade: Finding['level']): Html {
  return html`<span class="level ${grade}">${grade}</span>`;
}

/** Where the rest of a list is, where the report does not hold all of it. */
export function listNote({
  total,
  complete,
  rows,
  listing,
}: {
  total: number;
  complete: boolean;
  rows: readonly unknown[];
  listing?: string | undefined;
}): Html | undefined {
  if (complete) return undefined;
  const where = listing === undefined ? 'the evidence of this run' : html`evidence ${code(listing)}`;
  return html`<p>The report holds ${rows.length} of ${total}; the whole listing is ${where}.</p>`;
}

/** What is known beside a listing, in small letters below; nothing where nothing is. */
export function small(...texts: readonly (string | undefined)[]): Html | undefined {
  const known = texts.filter((text) => text !== undefined && text !== '');
  return known.length === 0 ? undefined : html`<small>${known.join('; ')}</small>`;
}
