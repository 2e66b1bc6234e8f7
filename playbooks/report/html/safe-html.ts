import { safeText } from '../../domain/short-text.js';

/** The most characters of one text; those that may be longer are cut by who shows them. */
const maxText = 8_000;

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** The one place where text becomes HTML: for elements, and for attributes in quotes. What must not reach a reader becomes "\ufffd". */
function escaped(text: string): string {
  return safeText(text, maxText).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}

class Piece {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** A piece of HTML. Only {@link html} makes it. */
export type Html = Piece;

/** What can stand in a template: text and numbers are escaped, pieces of HTML are not; undefined is nothing. */
export type HtmlValue = string | number | Html | undefined | readonly HtmlValue[];

/** HTML of ours with values in it, which are escaped unless they are HTML of ours. Attributes must stand in double quotes. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Piece(strings.reduce((text, literal, index) => `${text}${valueText(values[index - 1])}${literal}`));
}

function valueText(value: HtmlValue): string {
  if (value === undefined) return '';
  if (value instanceof Piece) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(valueText).join('');
}

/** A name from outside. It is shown as it stands, blanks included, and its letters turn nothing around it. */
export function code(text: string, max = 300): Html {
  return text === '' ? html`<span class="none">(empty)</span>` : html`<code>${safeText(text, max)}</code>`;
}

/** A moment as people read it. */
export function time(at: string): Html {
  return html`<time datetime="${at}">${at.replace('T', ' ').replace(/Z$/, '')}</time>`;
}
