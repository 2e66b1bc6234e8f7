import { type Html, type HtmlValue, html } from './safe-html.js';

/** A column: its heading, and how wide it is; without a width it takes what is left. */
export interface Column {
  readonly title: string;
  readonly width?: 'w4' | 'w6' | 'w8' | 'w11' | 'w13' | 'w18' | 'w24';
  readonly number?: true;
}

/** Rows of one list that a page shows; JSON and listings hold the rest. */
const maxRows = 500;

/** A table that scrolls by itself where the screen is narrow. The first cell of a row is its heading. Empty without rows. */
export function table<T>(caption: string, columns: readonly Column[], rows: readonly T[], cells: (row: T) => readonly HtmlValue[]): Html {
  if (rows.length === 0) return html``;
  const shown = rows.slice(0, maxRows);
  const more = rows.length - shown.length;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(heading)}</tr></thead>
<tbody>
${shown.map((row) => rowOf(cells(row), columns))}</tbody>
</table></div>
${more === 0 ? undefined : html`<p>${more} more rows are in the JSON form of this report.</p>`}`;
}

function heading({ title, width, number }: Column): Html {
  return html`<th scope="col"${classOf(width, number)}>${title}</th>`;
}

function rowOf(cells: readonly HtmlValue[], columns: readonly Column[]): Html {
  return html`<tr>${cells.map((cell, index) => cellOf(cell, index, columns[index]?.number))}</tr>
`;
}

function cellOf(cell: HtmlValue, index: number, number: true | undefined): Html {
  return index === 0 ? html`<th scope="row"${classOf(undefined, number)}>${cell}</th>` : html`<td${classOf(undefined, number)}>${cell}</td>`;
}

function classOf(width: Column['width'], number: true | undefined): Html | undefined {
  const names = [width ?? '', number === true ? 'number' : ''].filter((name) => name !== '');
  return names.length === 0 ? undefined : html` class="${names.join(' ')}"`;
}
