import { digit, endOfRun, host, isOf } from './char-classes.js';

/** Four numbers of at most 255, without leading zeros. */
export function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);
}

/** Whether an IPv4 address is one that a connection can go to and that is not this machine: no `0.`, no `127.`, no multicast. */
export function isElsewhere(text: string): boolean {
  const first = Number(text.split('.')[0]);
  return first > 0 && first !== 127 && first < 224;
}

/** Whether a text of hexadecimal digits and colons is an IPv6 address (RFC 4291, 2.2), written without a dotted part. */
export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

/** Whether an IPv6 address is not `::` nor `::1`. */
export function isElsewhere6(text: string): boolean {
  return !/^[0:]*[01]?$/.test(text);
}

/** Where a port's digits end that begin at `start`; undefined when there is no port from 1 to 65535, or a name, number or version goes on. */
export function endOfPort(bytes: Uint8Array, start: number): number | undefined {
  const stop = endOfRun(bytes, start, Math.min(bytes.length, start + 6), digit);
  let port = 0;
  for (let at = start; at < stop; at += 1) port = port * 10 + (bytes[at] ?? 0) - 0x30;
  if (bytes[start] === 0x30 || port < 1 || port > 65_535) return undefined;
  const [next, after] = [bytes[stop], bytes[stop + 1]];
  const goesOn = next === 0x2e || next === 0x3a ? isOf(after, digit) : isOf(next, host);
  return goesOn ? undefined : stop;
}
