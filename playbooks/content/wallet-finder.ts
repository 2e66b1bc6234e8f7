import { alnum, endOfRun, isOf, startOfRun } from './char-classes.js';
import type { FoundStrings } from './found-strings.js';
import type { Block } from './string-finder.js';
import { isWallet, longestWallet, shortestWallet, walletShape } from './wallet.js';

/** A word that is long enough has a byte at a multiple of this. */
const step = shortestWallet - 1;
/** One more than a wallet has: then a word is too long. */
const tooLong = longestWallet + 1;
const firstLetters = Buffer.from('01348bB');
/** Words with the shape of a wallet that are examined in one file, as each takes microseconds. */
const maxLooks = 20_000;

/** Finds wallets among words of letters and digits, in ASCII and in UTF-16LE. It looks at every 25th byte only, and at the words around those. */
export class WalletFinder {
  /** Where the last word ends in the file that was seen, and whether it goes on there, being too long. */
  private end = 0;
  private goesOn = false;
  private wideEnd = 0;
  private looks = 0;

  constructor(private readonly found: FoundStrings) {}

  reset(): void {
    this.end = 0;
    this.goesOn = false;
    this.wideEnd = 0;
    this.looks = 0;
  }

  /** Looks at the places from `from` to `to`. The block has some hundred bytes more on both sides, unless the file ends there. */
  scan(block: Block, from: number, to: number): void {
    const { bytes, offset } = block;
    const late = (offset + from) % step;
    for (let at = late === 0 ? from : from + step - late; at < to; at += step) {
      if (isOf(bytes[at], alnum)) this.word(block, at);
      const middle = bytes[at] === 0 ? at - 1 : at;
      if (bytes[middle + 1] === 0 && isOf(bytes[middle], alnum)) this.wide(block, middle);
    }
  }

  private word({ bytes, offset }: Block, at: number): void {
    if (offset + at < this.end) return;
    const start = startOfRun(bytes, at, Math.max(0, at - step, this.end - offset), alnum);
    const isRest = this.goesOn && offset + start === this.end;
    const end = endOfRun(bytes, at, Math.min(bytes.length, start + tooLong), alnum);
    this.end = offset + end;
    this.goesOn = end - start === tooLong;
    if (!isRest && !this.goesOn && this.isWorthALook(bytes[start], end - start)) this.look(bytes.toString('latin1', start, end), offset + start);
  }

  private wide({ bytes, offset }: Block, at: number): void {
    if (offset + at < this.wideEnd) return;
    let start = at;
    while (start >= 2 && at - start < 2 * tooLong && bytes[start - 1] === 0 && isOf(bytes[start - 2], alnum)) start -= 2;
    let end = at;
    while (end + 1 < bytes.length && end - start <= 2 * tooLong && bytes[end + 1] === 0 && isOf(bytes[end], alnum)) end += 2;
    this.wideEnd = offset + end;
    if (this.isWorthALook(bytes[start], (end - start) / 2)) this.look(bytes.toString('utf16le', start, end), offset + start);
  }

  /** By its length and its first letter. */
  private isWorthALook(first: number | undefined, length: number): boolean {
    return length >= shortestWallet && length <= longestWallet && first !== undefined && firstLetters.includes(first);
  }

  private look(word: string, place: number): void {
    const shape = walletShape(word);
    if (shape === undefined) return;
    this.looks += 1;
    if (this.looks > maxLooks) this.found.cutShort();
    else if (isWallet(word, shape)) this.found.add('wallet', word, place);
  }
}
