import { TriageError } from '../../../playbooks/domain/error.js';

/**
 * The address to send a large file to, and with it the key: on the configured host, or on one of VirusTotal's. The documentation's example
 * begins with `http:`; on VirusTotal's hosts it is spoken to by TLS all the same.
 * @throws TriageError `intel-invalid-answer` for any other address
 */
export function uploadAddress(text: string, origin: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const home = new URL(origin);
  const isPlain = url !== undefined && url.username === '' && url.password === '';
  if (isPlain && url.origin === home.origin) return url.href;
  const isTheirs = isPlain && /^https?:$/.test(url.protocol) && url.port === '' && /^([a-z0-9-]+\.)*virustotal\.com$/.test(url.hostname);
  if (!isTheirs)
    throw new TriageError('intel-invalid-answer', 'VirusTotal gave an upload address on a host that is not its own; nothing was sent there');
  url.protocol = 'https:';
  return url.href;
}
