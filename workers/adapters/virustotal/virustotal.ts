import { sha256Schema } from '../../../playbooks/domain/artifact.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { IntelPort } from '../../../playbooks/ports.js';
import { readAnswer, virusTotalSource } from './answer.js';
import { createGet } from './request.js';

/** How to ask VirusTotal. */
export interface VirusTotalOptions {
  /** Default `https://www.virustotal.com`. */
  readonly url?: string;
  readonly apiKey: string;
  /** For one whole answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** Larger answers are refused. Default 4 MiB. */
  readonly maxBytes?: number;
  /** So many engines that say "malicious" make a file `detected`. Default 3. */
  readonly detectedFrom?: number;
  readonly clock?: () => Date;
}

/**
 * VirusTotal's file endpoint (API v3, `GET /api/v3/files/{id}`) as an intelligence source.
 * The key is in no error, no cause and no answer.
 * @throws TriageError `config-invalid` for a URL or key that cannot be used
 */
export function createVirusTotal(options: VirusTotalOptions): IntelPort {
  const { apiKey, timeoutMs = 30_000, maxBytes = 4 * 1024 * 1024, detectedFrom = 3, clock = () => new Date() } = options;
  const origin = originOf(options.url ?? 'https://www.virustotal.com');
  if (!/^[\x21-\x7e]+$/.test(apiKey))
    throw new TriageError(
      'config-invalid',
      'the VirusTotal API key is empty or holds characters that a key cannot have; check PODTRIAGE_VT_KEY_FILE',
    );
  const get = createGet({ origin, apiKey, timeoutMs, maxBytes });
  return {
    source: virusTotalSource,
    async lookup(sha256, signal) {
      if (!sha256Schema.safeParse(sha256).success) throw new TriageError('internal', 'a lookup needs a sha256 in lower case hex');
      const askedAt = clock().toISOString();
      const answer = await get(`/api/v3/files/${sha256}`, signal);
      return { lookup: readAnswer({ sha256, askedAt, detectedFrom }, answer), raw: answer.body };
    },
  };
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usable = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === '';
  if (!usable) throw new TriageError('config-invalid', 'PODTRIAGE_VT_URL must be an http or https URL without user name, password or query');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
