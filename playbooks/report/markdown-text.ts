import { safeText } from '../domain/short-text.js';

/**
 * A name from outside as a code span. The characters that could end the span, a table cell or an HTML text are written as `\xNN`, as all
 * unsafe bytes of a name are, so the span holds whatever the suspect wrote, on one line.
 */
export function code(text: string, max = 300): string {
  const safe = safeText(text, max).replaceAll(/[`|<>]|^ | $/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
  return safe === '' ? '(empty)' : `\`${safe}\``;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '@': '&#64;' };

/** Text from outside within a sentence or a cell: no markup, no link, no HTML, on one line. */
export function prose(text: string, max = 1_000): string {
  return safeText(text, max)
    .replaceAll(/[\\`*_[\]#|~$]|:(?=\/\/)/g, '\\$&')
    .replaceAll(/[&<>@]/g, (character) => entities[character] ?? '')
    .replaceAll(/\bwww\./gi, (match) => `${match.slice(0, -1)}\\.`)
    .replace(/^\s+/, '')
    .replace(/^(\d*)([-+=.])/, '$1\\$2');
}
