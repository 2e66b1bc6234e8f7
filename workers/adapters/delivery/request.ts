import type { LookupAddress } from 'node:dns';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import axios, { type AxiosResponse } from 'axios';
import { TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';
import { type AddressPolicy, fitAddresses } from './address.js';

/** What a receiver has answered: of its body nothing, unless it was asked for. */
export interface Answer {
  readonly status: number;
  /** As it was sent. */
  readonly retryAfter?: string;
  /** Of one that is longer, the beginning. */
  readonly body?: string;
}

/** One request to a place that the installation names. */
export interface Posted {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** So many bytes of the answer are kept. Absent: none. */
  readonly keepBytes?: number;
}

/** So much of an answer is read, in bytes, and thrown away; then the connection is cut. */
const maxAnswerBytes = 4 * 1024;

/**
 * Sends a POST to a fit address of the URL's host, and to no other: redirects are answers, no proxy of the environment is used, and the connection
 * goes to an address that was checked.
 * @throws TriageError `address-refused`, `delivery-failed` in words that hold nothing of URL, headers or answer; the signal's reason
 */
export async function post({ url, headers, body, keepBytes }: Posted, policy: AddressPolicy, signal: AbortSignal): Promise<Answer> {
  const target = new URL(url);
  const addresses = await fitAddresses(target, policy, signal);
  const pinned = { keepAlive: false, lookup: lookupOf(addresses) };
  const httpAgent = new HttpAgent(pinned);
  const httpsAgent = new HttpsAgent(pinned);
  try {
    const answer = await axios.request<Readable>({
      method: 'post',
      url: target.href,
      data: body,
      headers: { 'content-type': 'application/json', ...headers, 'user-agent': 'podtriage' },
      transformRequest: [(data: string) => data],
      responseType: 'stream',
      decompress: false,
      maxRedirects: 0,
      proxy: false,
      validateStatus: null,
      httpAgent,
      httpsAgent,
      signal,
    });
    return await answered(answer, keepBytes);
  } catch (error) {
    throwIfAborted(signal);
    throw error instanceof TriageError ? error : failed(error);
  } finally {
    httpAgent.destroy();
    httpsAgent.destroy();
  }
}

/** Gives the addresses that were checked to whoever connects, whatever he asks for. */
function lookupOf(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, { all, family }, done) => {
    const wanted = family === 4 || family === 6 ? addresses.filter((each) => each.family === family) : addresses;
    const [first] = wanted;
    if (first === undefined) done(new Error('no address of this family'), '');
    else if (all === true) done(null, [...wanted]);
    else done(null, first.address, first.family);
  };
}

/** The status stands before the body comes: what goes wrong with that changes nothing. */
async function answered({ status, headers, data }: AxiosResponse<Readable>, keepBytes: number | undefined): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of data as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (keepBytes !== undefined) chunks.push(chunk);
      if (bytes > (keepBytes ?? maxAnswerBytes)) break;
    }
  } catch {
    // The status says what is to be done.
  } finally {
    data.destroy();
  }
  const retryAfter: unknown = headers['retry-after'];
  return {
    status,
    ...(typeof retryAfter === 'string' ? { retryAfter } : {}),
    ...(keepBytes === undefined ? {} : { body: Buffer.concat(chunks).subarray(0, keepBytes).toString() }),
  };
}

/** Errors of the HTTP library carry the request's headers and address: only what kind it was is kept. */
function failed(error: unknown): TriageError {
  const code = codeOf(error);
  return new TriageError('delivery-failed', words[code] ?? (isTls(code) ? `TLS failed (${code})` : 'the connection failed'));
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
};

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Codes of OpenSSL's checks, as Node has them. */
function isTls(code: string): boolean {
  return /^(ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|EPROTO)[A-Z0-9_]{0,60}$/.test(code) || code === 'EPROTO';
}
