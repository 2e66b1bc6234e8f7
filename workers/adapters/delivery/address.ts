import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type AllowList, urlProblem } from '../../../playbooks/delivery/endpoints.js';
import { orAbort } from '../../../playbooks/domain/abort.js';
import { TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';

/** Finds all addresses of a host, as the system does. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

const systemResolve: Resolve = (host) => lookup(host, { all: true });

/** What may be sent to. */
export interface AddressPolicy {
  readonly allow: AllowList;
  /** Default: the system's. */
  readonly resolve?: Resolve;
}

/** Global unicast is in here (RFC 4291); the rest of IPv6 is not in use, or is something else. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * The addresses that a URL may be connected to: its host is resolved once, here, and all of its addresses must be fit. Whoever connects uses
 * these and asks nobody again, so that a name server which answers otherwise the second time gains nothing.
 * @throws TriageError `address-refused`; `delivery-failed` where the name cannot be resolved; the signal's reason
 */
export async function fitAddresses(
  url: URL,
  { allow, resolve = systemResolve }: AddressPolicy,
  signal: AbortSignal,
): Promise<readonly LookupAddress[]> {
  throwIfAborted(signal);
  const problem = urlProblem(url, allow);
  if (problem !== undefined) throw refused(`the URL ${problem}`);
  const host = hostOf(url);
  const found = await orAbort(addressesOf(host, resolve), signal);
  for (const { address } of found) {
    const why = whyRefused(address, host, allow);
    if (why !== undefined) throw refused(why);
  }
  return found;
}

/** The host as it is looked up: lower case, without brackets or the dot of the root. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/** Why nothing is sent to an address, by its range; the address itself is not told. Undefined: it is public, or allowed. */
export function whyRefused(address: string, host: string, { addresses, hosts }: Pick<AllowList, 'addresses' | 'hosts'>): string | undefined {
  const parsed = plainAddress(address);
  if (parsed === undefined) return 'the host has an address that cannot be read';
  if (addresses.some((entry) => matches(parsed, entry))) return undefined;
  const range = rangeOf(parsed);
  if (range === 'public') return undefined;
  const isNear = range === 'private' || range === 'loopback' || range === 'uniqueLocal';
  if (isNear && hosts.includes(host)) return undefined;
  return `the host has an address that is not public (${range}); allow.addresses can permit it`;
}

async function addressesOf(host: string, resolve: Resolve): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  let found: readonly LookupAddress[];
  try {
    found = await resolve(host);
  } catch (cause) {
    throw new TriageError('delivery-failed', 'the name of the host could not be resolved', { cause });
  }
  if (found.length === 0) throw new TriageError('delivery-failed', 'the name of the host has no address');
  return found;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An IPv4 address that is mapped into IPv6 (`::ffff:a.b.c.d`) is what it stands for; what the library takes for one beside it (`::a.b.c.d`) is not. */
function plainAddress(text: string): Address | undefined {
  // Node's own test first: the library reads octal and hexadecimal forms, too.
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  const parsed = ipaddr.parse(text);
  return parsed instanceof ipaddr.IPv6 && parsed.parts[5] === 0xffff && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed;
}

function matches(address: Address, entry: string): boolean {
  const [network, bits] = entry.includes('/') ? ipaddr.parseCIDR(entry) : [ipaddr.parse(entry), undefined];
  if (network.kind() !== address.kind()) return false;
  return bits === undefined ? network.toNormalizedString() === address.toNormalizedString() : address.match(network, bits);
}

function rangeOf(address: Address): string {
  const range = address.range();
  if (range !== 'unicast') return range;
  if (address instanceof ipaddr.IPv6 && !address.match(globalUnicast)) return 'unassigned';
  return 'public';
}

function refused(why: string): TriageError {
  return new TriageError('address-refused', why);
}
