import { endOfPort, isElsewhere, isElsewhere6, isIpv4, isIpv6 } from './address.js';
import { alnum, digit, endOfRun, host, ipv6, isOf, scheme, startOfRun, url } from './char-classes.js';
import type { FoundStrings } from './found-strings.js';
import { isPoolHost } from './pool-hosts.js';
import { isPoolScheme, maxScheme, maxUrl, schemeIn, urlFrom } from './url.js';

const colon = 0x3a;
const slash = 0x2f;
const dot = 0x2e;
const closingBracket = 0x5d;
/** `[`, eight groups of four, seven colons. */
const maxIpv6 = 40;
/** A host's name (RFC 1035, 2.3.4). */
const maxHost = 253;
/** Where bash(1) connects to by redirection: `/dev/tcp/HOST/PORT`. */
const devices = Buffer.from('/dev/');
/** A search by the runtime costs as much as looking at some bytes here. */
const nearBytes = 48;

/** How many bytes before and after a place may have a part in what is found there, in either encoding. */
export const stringReach = 2 * (maxUrl + 8);

/** Part of a file in memory: `bytes` stand at `offset` in the file. */
export interface Block {
  readonly bytes: Buffer;
  readonly offset: number;
}

/**
 * Finds URLs, addresses with ports and mining pools around each `:`, in ASCII and in UTF-16LE. Nothing is made of bytes without one.
 * Each place looks at most {@link stringReach} bytes around, and a URL's inside is not looked at again: time is linear whatever the bytes are.
 */
export class StringFinder {
  /** Where the last URL and the last pool's URL end in the file. */
  private urlEnd = 0;
  private poolEnd = 0;
  /** UTF-16LE around a place, without its zeros. */
  private readonly narrow = Buffer.alloc(stringReach);

  constructor(private readonly found: FoundStrings) {}

  reset(): void {
    this.urlEnd = 0;
    this.poolEnd = 0;
  }

  /** Looks at the places from `from` to `to`. The block has {@link stringReach} more bytes on both sides, unless the file ends there. */
  scan(block: Block, from: number, to: number): void {
    for (let at = nextColon(block.bytes, from, to); at < to; at = nextColon(block.bytes, at + 1, to)) this.lookAround(block, at);
    for (let at = block.bytes.indexOf(devices, from); at !== -1 && at < to; at = block.bytes.indexOf(devices, at + 1)) this.bashPath(block, at);
  }

  private lookAround(block: Block, at: number): void {
    const next = block.bytes[at + 1];
    if (next === 0) this.wide(block, at);
    else if (next === slash) this.url(block, at, block.offset + at, 1);
    else if (isOf(next, digit)) this.endpoint(block, at, block.offset + at);
  }

  /** `at` is the colon in the block, `place` in the file; a character of the block takes `width` bytes of the file. */
  private url({ bytes }: Block, at: number, place: number, width: 1 | 2): void {
    if (bytes[at + 2] !== slash || at + 3 >= bytes.length || !isOf(bytes[at - 1], scheme)) return;
    const start = startOfRun(bytes, at, Math.max(0, at - maxScheme), scheme);
    const name = schemeIn(bytes.toString('latin1', start, at));
    if (name === undefined || this.isCovered(name, place)) return;
    const end = endOfRun(bytes, at + 3, Math.min(bytes.length, at + maxUrl), url);
    this.urlEnd = Math.max(this.urlEnd, place + (end - at) * width);
    if (isPoolScheme(name)) this.poolEnd = this.urlEnd;
    const found = urlFrom(name, bytes.toString('latin1', at + 3, end));
    if (found !== undefined) this.found.add(found.kind, found.text, place - name.length * width);
  }

  /** Whether it is inside of what has been read; a pool inside of a URL is read all the same. */
  private isCovered(name: string, place: number): boolean {
    return place < (isPoolScheme(name) ? this.poolEnd : this.urlEnd);
  }

  private endpoint(block: Block, at: number, place: number): void {
    if (place < this.urlEnd) return;
    const last = block.bytes[at - 1];
    if (isOf(last, digit)) this.ipv4(block, at, place);
    else if (last === closingBracket) this.ipv6(block, at, place);
    else if (isOf(last, alnum)) this.pool(block, at, place);
  }

  private ipv4({ bytes }: Block, at: number, place: number): void {
    // Times of day are common.
    if (bytes[at - 2] !== dot && bytes[at - 3] !== dot && bytes[at - 4] !== dot) return;
    const start = startOfRun(bytes, at, Math.max(0, at - 16), host);
    if (at - start < 7 || at - start > 15) return;
    const text = bytes.toString('latin1', start, at);
    if (!isIpv4(text) || !isElsewhere(text)) return;
    const end = endOfPort(bytes, at + 1);
    if (end !== undefined) this.found.add('address', bytes.toString('latin1', start, end), place);
  }

  private ipv6({ bytes }: Block, at: number, place: number): void {
    const start = startOfRun(bytes, at - 1, Math.max(0, at - maxIpv6), ipv6);
    if (bytes[start - 1] !== 0x5b) return;
    const text = bytes.toString('latin1', start, at - 1);
    if (!isIpv6(text) || !isElsewhere6(text)) return;
    const end = endOfPort(bytes, at + 1);
    if (end !== undefined) this.found.add('address', bytes.toString('latin1', start - 1, end), place);
  }

  private pool({ bytes }: Block, at: number, place: number): void {
    const label = startOfRun(bytes, at, Math.max(0, at - 8), alnum);
    if (bytes[label - 1] !== dot) return;
    const start = startOfRun(bytes, label, Math.max(0, at - maxHost), host);
    if (!isPoolHost(bytes.toString('latin1', start, at))) return;
    const end = endOfPort(bytes, at + 1);
    if (end !== undefined) this.found.add('pool', bytes.toString('latin1', start, end), place);
  }

  /** The same with a zero after each character: what belongs together is copied without them. */
  private wide({ bytes, offset }: Block, at: number): void {
    const [next, last, place] = [bytes[at + 2], bytes[at - 1] === 0 ? bytes[at - 2] : undefined, offset + at];
    if ((next !== slash && !isOf(next, digit)) || (last !== closingBracket && !isOf(last, host))) return;
    const start = startOfWide(bytes, at, last === closingBracket ? ipv6 : host | scheme);
    const middle = this.copyNarrow(bytes, start, at, 0);
    const name = next === slash ? schemeIn(this.narrow.toString('latin1', Math.max(0, middle - maxScheme), middle)) : undefined;
    if (next === slash && (name === undefined || this.isCovered(name, place))) return;
    const end = Math.min(bytes.length - 1, at + 2 * (next === slash ? maxUrl : 9));
    const around = { bytes: this.narrow.subarray(0, this.copyNarrow(bytes, at, end, middle)), offset: 0 };
    if (next === slash) this.url(around, middle, place, 2);
    else this.endpoint(around, middle, place);
  }

  /** Copies to `size` on, as long as zeros follow; returns the new size. */
  private copyNarrow(bytes: Buffer, from: number, to: number, size: number): number {
    let filled = size;
    for (let at = from; at < to && bytes[at + 1] === 0; at += 2) {
      this.narrow[filled] = bytes[at] as number;
      filled += 1;
    }
    return filled;
  }

  private bashPath({ bytes, offset }: Block, at: number): void {
    const start = at + devices.length + 4;
    const name = bytes.toString('latin1', start - 4, start);
    if (name !== 'tcp/' && name !== 'udp/') return;
    const stop = endOfRun(bytes, start, Math.min(bytes.length, start + 16), host);
    const text = bytes.toString('latin1', start, stop);
    if (bytes[stop] !== slash || !isIpv4(text) || !isElsewhere(text)) return;
    const end = endOfPort(bytes, stop + 1);
    if (end !== undefined) this.found.add('address', bytes.toString('latin1', at, end), offset + at);
  }
}

/** The next colon from `from` on; `to` or beyond when there is none. */
function nextColon(bytes: Buffer, from: number, to: number): number {
  const near = Math.min(to, from + nearBytes);
  let at = from;
  while (at < near && bytes[at] !== colon) at += 1;
  if (at < near || at >= to) return at;
  const far = bytes.indexOf(colon, at);
  return far === -1 ? to : far;
}

/** Where the run of a class begins that ends before `end`, and one character before it. */
function startOfWide(bytes: Buffer, end: number, bits: number): number {
  const least = Math.max(2, end - 2 * maxHost);
  let at = bytes[end - 2] === closingBracket ? end - 2 : end;
  while (at >= least && bytes[at - 1] === 0 && isOf(bytes[at - 2], bits)) at -= 2;
  return at >= 2 && bytes[at - 1] === 0 ? at - 2 : at;
}
