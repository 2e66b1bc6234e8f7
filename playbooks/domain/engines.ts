/** Engines that an analyst asks for first, as VirusTotal calls them. */
const trusted = [
  'Kaspersky',
  'Microsoft',
  'ESET-NOD32',
  'BitDefender',
  'Sophos',
  'CrowdStrike',
  'Symantec',
  'TrendMicro',
  'ClamAV',
  'Avast',
  'Fortinet',
  'Google',
  'Malwarebytes',
  'SentinelOne',
] as const;

/** Names of engines, the trusted ones first, then by name. */
export function trustedFirst(names: Iterable<string>): string[] {
  const place = (name: string): number => {
    const at = trusted.findIndex((each) => name.startsWith(each));
    return at === -1 ? trusted.length : at;
  };
  return [...names].sort((a, b) => place(a) - place(b) || (a < b ? -1 : Number(a > b)));
}
