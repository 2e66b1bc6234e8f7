import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * Makes a run id: `r`, 9 characters of time (ms, base 32), 10 of chance (50 bits). Sorts by time, is a DNS label and a
 * legal part of a BullMQ job id (no ':', not a number).
 */
export function newRunId(now: Date): string {
  return runIdOf(now.getTime(), randomBytes(10));
}

/** Says whether a text can be the id of a run; no other chain or key of ours has such a name. */
export function isRunId(text: string): boolean {
  return /^r[0-9a-z]{19}$/.test(text);
}

/** The run id of a time (ms since 1970) whose chance is made of the first 10 of these bytes. */
export function runIdOf(ms: number, chance: Uint8Array): string {
  return `${firstIdOf(ms)}${Array.from(chance.subarray(0, 10), (byte) => alphabet.charAt(byte % 32)).join('')}`;
}

/** What no id of this millisecond (since 1970) sorts before, and every id of an earlier one does. */
export function firstIdOf(ms: number): string {
  let time = Math.min(Math.max(0, Math.floor(ms)), 32 ** 9 - 1);
  let text = '';
  for (let digit = 0; digit < 9; digit++) {
    text = alphabet.charAt(time % 32) + text;
    time = Math.floor(time / 32);
  }
  return `r${text}`;
}
