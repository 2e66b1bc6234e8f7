import { displayText } from './path-name.js';

/** The first `max` UTF-16 units of safe text; what was cut ends in "…", and no surrogate pair is split. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 2);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return `${text.slice(0, splitsPair ? max - 2 : max - 1)}…`;
}

/** Text from outside, made safe to print (see {@link displayText}) and at most `max` UTF-16 units long. */
export function shortText(input: string, max: number): string {
  // The printable form is never shorter than its source, so nothing beyond `max` + 1 can show.
  return cutText(displayText(input.slice(0, max + 1)), max);
}

const unsafe = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{DI}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}/gu;

/** Text that should be safe already, made so in any case: what must not reach a terminal becomes "�". Applying it twice changes nothing more. */
export function safeText(text: string, max: number): string {
  return cutText(text.slice(0, max + 1).replaceAll(unsafe, '\ufffd'), max);
}
