/** Domains of well-known mining pools. Not complete and not meant to be: a name here makes `host:port` without a scheme worth showing. */
const domains: ReadonlySet<string> = new Set([
  '2miners.com',
  'antpool.com',
  'c3pool.com',
  'c3pool.org',
  'dwarfpool.com',
  'ethermine.org',
  'f2pool.com',
  'hashvault.pro',
  'herominers.com',
  'kryptex.network',
  'minergate.com',
  'minexmr.com',
  'miningpoolhub.com',
  'monerohash.com',
  'moneroocean.stream',
  'nanopool.org',
  'nicehash.com',
  'prohashing.com',
  'rplant.xyz',
  'supportxmr.com',
  'unmineable.com',
  'viabtc.com',
  'xmrfast.com',
  'xmrpool.eu',
  'zergpool.com',
  'zpool.ca',
]);

/** Whether a host's name is a known mining pool's or below it. */
export function isPoolHost(name: string): boolean {
  return domains.has(name.toLowerCase().split('.').slice(-2).join('.'));
}
