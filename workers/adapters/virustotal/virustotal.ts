import { sha256Schema } from '../../../playbooks/domain/artifact.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import type { IntelPort } from '../../../playbooks/ports.js';
import { readAnswer, virusTotalSource } from './answer.js';
import type { ApiKey } from './key-file.js';
import { readQuota } from './quota-answer.js';
import { createGet, type Get, type RequestOptions } from './request.js';
import { createUploads } from './upload.js';

/** How to ask VirusTotal. */
export interface VirusTotalOptions {
  /** With or without `/api/v3`. Default `https://www.virustotal.com`. */
  readonly url?: string;
  /** In the order in which they are used. At least one. */
  readonly apiKeys: readonly ApiKey[];
  /** For one whole answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** Larger answers are refused. Default 4 MiB. */
  readonly maxBytes?: number;
  /** So many engines that say "malicious" make a file `detected`. Default 3. */
  readonly detectedFrom?: number;
  /** Whether it can take content. Default not. */
  readonly uploads?: boolean;
  readonly clock?: () => Date;
}

/**
 * VirusTotal's file endpoint (API v3, `GET /api/v3/files/{id}`) as an intelligence source, and its quota summary
 * (`GET /api/v3/users/{id}/overall_quotas`, where an API key is an id, too). By its documentation a call costs a request unless said
 * otherwise ("Understanding Consumption"), and of the summary nothing else is said.
 * The keys are in no error, no cause and no answer.
 * @throws TriageError `config-invalid` for a URL or key that cannot be used
 */
export function createVirusTotal(options: VirusTotalOptions): IntelPort {
  const { apiKeys, timeoutMs = 30_000, maxBytes = 4 * 1024 * 1024, detectedFrom = 3, clock = () => new Date() } = options;
  const origin = originOf(options.url ?? 'https://www.virustotal.com');
  if (apiKeys.length === 0 || !apiKeys.every(({ key }) => /^[\x21-\x7e]+$/.test(key)))
    throw new TriageError('config-invalid', 'a VirusTotal API key is empty or holds characters that a key cannot have; check PODTRIAGE_VT_KEY_FILE');
  const doors = new Map(apiKeys.map(({ key: apiKey }) => [keyId(apiKey), { apiKey, get: createGet({ origin, apiKey, timeoutMs, maxBytes }) }]));
  const doorOf = (id?: string): { apiKey: string; get: Get } => {
    const door = id === undefined ? [...doors.values()][0] : doors.get(id);
    if (door === undefined) throw new TriageError('internal', 'a lookup needs one of the keys of its source');
    return door;
  };
  const lookup: IntelPort['lookup'] = async (sha256, signal, key) => {
    if (!sha256Schema.safeParse(sha256).success) throw new TriageError('internal', 'a lookup needs a sha256 in lower case hex');
    const askedAt = clock().toISOString();
    const answer = await doorOf(key).get(`/api/v3/files/${sha256}`, signal);
    return { lookup: readAnswer({ sha256, askedAt, detectedFrom }, answer), raw: answer.body };
  };
  const optionsOf = (key?: string): RequestOptions => ({ origin, apiKey: doorOf(key).apiKey, timeoutMs, maxBytes });
  return {
    source: virusTotalSource,
    keys: apiKeys.map(({ key, limits }) => ({ id: keyId(key), limits })),
    lookup,
    ...(options.uploads === true ? { uploads: createUploads({ optionsOf, publicReport: lookup, clock }) } : {}),
    async quota(key, signal) {
      const { apiKey, get } = doorOf(key);
      return readQuota(await get(`/api/v3/users/${encodeURIComponent(apiKey)}/overall_quotas`, signal));
    },
  };
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usable = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === '';
  if (!usable) throw new TriageError('config-invalid', 'PODTRIAGE_VT_URL must be an http or https URL without user name, password or query');
  // The address is written with and without the path of the API.
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/api\/v3$/, '');
}
