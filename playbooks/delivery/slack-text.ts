import { cutText, safeText } from '../domain/short-text.js';

/**
 * Text as Slack must get it where it looks for markup: the three characters that begin a link, a mention or an entity are written out
 * (https://docs.slack.dev/messaging/formatting-message-text, "Escaping text"), and what formats stands alone.
 */
export function escapeSlack(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[*_~`@#:]/g, (character) => `${character}\u200b`);
}

/** Text that Slack shows as it is. */
export interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
  readonly emoji: false;
}

/** Text in which Slack looks for no markup, at most `max` characters; what nobody could see is made visible. Never empty, as Slack refuses that. */
export function plainText(text: string, max: number): PlainText {
  const lines = text.split('\n').map((line) => safeText(line, max));
  return { type: 'plain_text', text: cutText(lines.join('\n'), max) || '-', emoji: false };
}
