import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * Makes a run id: `r`, 9 characters of time (ms, base 32), 10 of chance (50 bits). Sorts by time, is a DNS label and a
 * legal part of a BullMQ job id (no ':', not a number).
 */
export function newRunId(now: Date): string {
  let time = now.getTime();
  let text = '';
  for (let digit = 0; digit < 9; digit++) {
    text = alphabet.charAt(time % 32) + text;
    time = Math.floor(time / 32);
  }
  const chance = Array.from(randomBytes(10), (byte) => alphabet.charAt(byte % 32)).join('');
  return `r${text}${chance}`;
}
