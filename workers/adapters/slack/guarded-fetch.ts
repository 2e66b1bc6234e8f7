import type { FetchFunction } from '@slack/web-api';
import type { AddressPolicy } from '../delivery/address.js';
import { post } from '../delivery/request.js';

/** An answer of Slack's Web API is far smaller, in bytes. */
const maxBytes = 256 * 1024;

/**
 * The `fetch` of Slack's client: only a POST, to an address that was checked, without redirects, within the signal's time. The function that it makes throws what
 * `post` throws.
 */
export function guardedFetch(policy: AddressPolicy, signal: AbortSignal): FetchFunction {
  return async (url, { headers = {}, body = '' } = {}) => {
    if (typeof body !== 'string') throw new TypeError('only text is sent to Slack');
    const lower = {
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      'accept-encoding': 'identity',
    };
    const answer = await post({ url: String(url), headers: lower, body, keepBytes: maxBytes }, policy, signal);
    const { status, retryAfter, body: text = '' } = answer;
    const known = new Map(Object.entries({ 'content-type': 'application/json', ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) }));
    return {
      ok: status >= 200 && status < 300,
      status,
      statusText: '',
      url: String(url),
      headers: { get: (name) => known.get(name.toLowerCase()) ?? null, entries: () => known.entries() },
      arrayBuffer: () => Promise.resolve(new TextEncoder().encode(text).buffer),
      json: () => Promise.resolve(JSON.parse(text) as unknown),
      text: () => Promise.resolve(text),
    };
  };
}
