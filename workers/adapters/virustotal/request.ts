import axios, { type AxiosInstance, type AxiosRequestConfig, isAxiosError } from 'axios';
import { TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';

/** What came back, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** What one request may take and where it goes. `timeoutMs` is for the whole answer, not for silence alone. */
export interface RequestOptions {
  readonly origin: string;
  readonly apiKey: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** Sends one GET. Throws `intel-unavailable`, `intel-invalid-answer` (too large, cut off) or the signal's reason. */
export type Get = (path: string, signal: AbortSignal) => Promise<HttpAnswer>;

/** Makes a {@link Get} that sends the key to `origin` and nowhere else: redirects are answers, not followed. */
export function createGet(options: RequestOptions): Get {
  const exchange = createExchange(options);
  return (path, signal) => exchange({ method: 'get', url: path }, signal);
}

/** Sends one request, with what a POST has. Throws what {@link Get} throws. */
export type Exchange = (
  request: Pick<AxiosRequestConfig, 'method' | 'url' | 'data' | 'headers'>,
  signal: AbortSignal,
  timeoutMs?: number,
) => Promise<HttpAnswer>;

/** Makes an {@link Exchange} that sends the key to `origin`, or to the whole address in `url`: whoever gives one answers for it. */
export function createExchange(options: RequestOptions): Exchange {
  const client = createClient(options);
  return async (request, signal, timeoutMs = options.timeoutMs) => {
    throwIfAborted(signal);
    const deadline = new AbortController();
    const stop = (): void => deadline.abort();
    const timer = setTimeout(stop, timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const { status, data } = await client.request<unknown>({ ...request, signal: deadline.signal });
      return { status, body: bytesOf(data) };
    } catch (error) {
      throwIfAborted(signal);
      throw translate(error, { ...options, timeoutMs }, deadline.signal.aborted);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  };
}

function createClient({ origin, apiKey, maxBytes }: RequestOptions): AxiosInstance {
  return axios.create({
    baseURL: origin,
    headers: { 'x-apikey': apiKey, accept: 'application/json' },
    responseType: 'arraybuffer',
    maxContentLength: maxBytes,
    maxRedirects: 0,
    validateStatus: null,
    redact: ['x-apikey', 'authorization'],
    // A proxy of the environment may carry TLS, but must not read the key from plain HTTP.
    ...(origin.startsWith('http:') ? { proxy: false as const } : {}),
  });
}

function bytesOf(data: unknown): Uint8Array {
  return data instanceof Uint8Array ? data : new Uint8Array();
}

function translate(error: unknown, { origin, apiKey, timeoutMs, maxBytes }: RequestOptions, late: boolean): TriageError {
  const cause = plainCause(error, apiKey);
  if (late) return new TriageError('intel-unavailable', `${origin} did not answer within ${timeoutMs} ms`, { cause });
  if (cause.message.startsWith('maxContentLength'))
    return new TriageError('intel-invalid-answer', `${origin} sent more than ${maxBytes} bytes in one answer`, { cause });
  if (isAxiosError(error) && error.response !== undefined)
    return new TriageError('intel-invalid-answer', `${origin} broke off in the middle of its answer`, { cause });
  return new TriageError('intel-unavailable', `${origin} could not be reached: ${cause.message}; check network, proxy and PODTRIAGE_VT_URL`, {
    cause,
  });
}

/** Errors of the HTTP library carry the request's headers and address, and so the key: only their words are kept. */
function plainCause(error: unknown, apiKey: string): Error {
  const words = error instanceof Error ? error.message : String(error);
  const message = words.replaceAll(apiKey, '[key]').replaceAll(encodeURIComponent(apiKey), '[key]');
  const code = isAxiosError(error) ? error.code : undefined;
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
