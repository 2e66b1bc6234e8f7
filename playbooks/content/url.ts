import { isElsewhere, isElsewhere6, isIpv4, isIpv6 } from './address.js';
import type { StringKind } from './found-strings.js';
import { isPoolHost } from './pool-hosts.js';

/** Longer URLs are cut there. */
export const maxUrl = 512;
/** No scheme that we look for is longer. */
export const maxScheme = 20;

/** Hosts that stand in names of XML vocabularies, to which nothing connects. */
const vocabularies: ReadonlySet<string> = new Set([
  'www.w3.org',
  'schemas.xmlsoap.org',
  'schemas.openxmlformats.org',
  'schemas.microsoft.com',
  'ns.adobe.com',
  'purl.org',
]);

/** The scheme that `before`, the text in front of `://`, ends in, in lower case; undefined when it is none that matters. */
export function schemeIn(before: string): string | undefined {
  const lower = before.toLowerCase();
  // In binaries any letter may stand in front of these.
  const anywhere = /(?:stratum\d?s?(?:\+[a-z]{2,4})?|daemon\+https?|https?)$/.exec(lower)?.[0];
  if (anywhere !== undefined) return anywhere;
  return /(?:^|[^a-z0-9])(ftps?|sftp|tftp|wss?)$/.exec(lower)?.[1];
}

/** Whether it is one that only miners use: of pools, or of a coin's own node. */
export function isPoolScheme(scheme: string): boolean {
  return scheme.startsWith('stratum') || scheme.startsWith('daemon');
}

/** A URL without what follows it in the text, and what it is of use for. */
export interface FoundUrl {
  readonly kind: StringKind & ('url' | 'pool');
  readonly text: string;
}

/**
 * Reads a URL from the characters after its `://`.
 * Undefined when its host is none (`%s`, `$HOST`), this machine's own, an XML vocabulary's, or a bare word without a port.
 */
export function urlFrom(scheme: string, rest: string): FoundUrl | undefined {
  const path = rest.search(/[/?#]/);
  const authority = path === -1 ? rest : rest.slice(0, path);
  const user = authority.slice(0, authority.lastIndexOf('@') + 1);
  const [place, name, port] = /^([\w.-]+|\[[0-9A-Fa-f:]+\])(?::(\d{1,5})(?!\d))?/.exec(authority.slice(user.length)) ?? [];
  if (place === undefined || name === undefined || !isRemote(name, port)) return undefined;
  const head = `${scheme}://${user}${place}`;
  const goesOn = user.length + place.length === authority.length;
  const text = goesOn && rest.length > authority.length ? trimmed(head + rest.slice(authority.length), head.length) : trimmed(head, 0, '.');
  const isPool = isPoolScheme(scheme) || (port !== undefined && isPoolHost(name));
  return { kind: isPool ? 'pool' : 'url', text };
}

function isRemote(name: string, port: string | undefined): boolean {
  if (name.startsWith('[')) return isIpv6(name.slice(1, -1)) && isElsewhere6(name.slice(1, -1));
  const plain = trimmed(name.toLowerCase(), 0, '.');
  if (isIpv4(plain)) return isElsewhere(plain);
  if (!/^[a-z0-9]/.test(plain) || plain.includes('..') || plain === 'localhost' || vocabularies.has(plain)) return false;
  // A number is an address too (inet_aton(3)), and hides one.
  return port !== undefined || /\.[a-z][a-z0-9-]+$/.test(plain) || /^\d{8,10}$/.test(plain) || /^0x[0-9a-f]{8}$/.test(plain);
}

/** Without the punctuation of the sentence or code around it; never shorter than `least`. */
function trimmed(text: string, least: number, marks = '.,;:!?]&'): string {
  let end = text.length;
  while (end > least && marks.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
