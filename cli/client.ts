import type { KeyObject } from 'node:crypto';
import { Readable } from 'node:stream';
import { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse, create, isAxiosError, isCancel } from 'axios';
import type { z } from 'zod';
import { readKeySet } from '../playbooks/bag/key-set.js';
import { type ErrorCode, errorCodes, TriageError } from '../playbooks/domain/error.js';
import { type Compact, compactSchema } from '../playbooks/report/compact.js';
import {
  type LookupState,
  lookupStateSchema,
  type PlaybookCard,
  type PlaybookDetail,
  playbookDetailSchema,
  playbookListSchema,
  problemSchema,
  type Quota,
  quotaSchema,
  type Run,
  type RunSummary,
  runPageSchema,
  runSchema,
  stepFactsSchema,
} from './api-types.js';
import type { ClientConfig } from './client-config.js';
import { moving, stallMs } from './moving.js';
import { patient } from './patient.js';

/** How long one long poll waits, in seconds, and how much longer the connection may take, in milliseconds. */
const pollSeconds = 30;
const graceMs = 15_000;
/** Runs that are asked for at once, where all are wanted. */
const pageLimit = 100;

/** A run and the tag that says whether it has changed since. `run` is undefined when it has not. */
export interface Watched {
  readonly run: Run | undefined;
  readonly tag: string | undefined;
}

/** Which runs are listed: those that fit all of it. Times are ISO 8601. */
export interface RunFilter {
  readonly cluster?: string;
  readonly namespace?: string;
  readonly pod?: string;
  readonly case?: string;
  readonly state?: string;
  readonly verdict?: string;
  readonly from?: string;
  readonly to?: string;
  readonly batch?: string;
}

type SendOptions = Pick<AxiosRequestConfig, 'data' | 'headers' | 'params' | 'responseType' | 'timeout' | 'transformResponse'> & {
  readonly signal?: AbortSignal;
};

/** The API, typed. Every method throws TriageError with the code that the service gave. */
export class ApiClient {
  readonly #http: AxiosInstance;

  constructor(readonly config: ClientConfig) {
    this.#http = create({
      baseURL: config.url,
      timeout: graceMs,
      maxRedirects: 0,
      proxy: false,
      // The key is in the headers, and axios puts those into its errors.
      headers: { Authorization: `Bearer ${config.key}` },
      validateStatus: () => true,
    });
  }

  async open(request: object): Promise<Run> {
    return parse(runSchema, await this.#send('POST', '/api/v1/runs', { data: request }));
  }

  /** Asks for what has a module of its own here, and parses the answer. */
  async ask<T extends z.ZodType>(schema: T, method: 'GET' | 'POST' | 'DELETE', path: string, data?: object): Promise<z.output<T>> {
    return parse(schema, await this.#send(method, path, data === undefined ? {} : { data }));
  }

  /** Waits up to 30 s for a run that differs from what `tag` stands for. */
  async watch(run: string, tag: string | undefined, signal: AbortSignal): Promise<Watched> {
    const headers = tag === undefined ? {} : { 'If-None-Match': tag };
    const wait = tag === undefined ? 0 : pollSeconds;
    const answer = await this.#send('GET', runPath(run), { params: { wait }, headers, signal, timeout: wait * 1_000 + graceMs });
    const next: unknown = answer.headers['etag'];
    return { run: answer.status === 304 ? undefined : parse(runSchema, answer), tag: typeof next === 'string' ? next : tag };
  }

  async cancel(run: string): Promise<Run> {
    return parse(runSchema, await this.#send('POST', `${runPath(run)}/cancel`));
  }

  async hold(run: string, reason: string): Promise<Run> {
    return parse(runSchema, await this.#send('POST', `${runPath(run)}/hold`, { data: { reason } }));
  }

  async release(run: string, reason: string): Promise<Run> {
    return parse(runSchema, await this.#send('DELETE', `${runPath(run)}/hold`, { data: { reason } }));
  }

  /** Destroys the evidence of a run. Throws `conflict` when it is held, or was destroyed before. */
  async destroy(run: string, reason: string): Promise<Run> {
    return parse(runSchema, await this.#send('DELETE', `${runPath(run)}/evidence`, { data: { reason }, timeout: 2 * graceMs }));
  }

  /** The runs that fit a filter, newest first. */
  async *runs(filter: RunFilter = {}, limit = pageLimit): AsyncGenerator<RunSummary> {
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const params: object = { ...filter, limit, ...(cursor === '' ? {} : { cursor }) };
      const page: z.output<typeof runPageSchema> = parse(runPageSchema, await this.#send('GET', '/api/v1/runs', { params }));
      yield* page.runs;
      cursor = page.next;
    }
  }

  /** The facts of each step that has any. */
  async facts(run: string): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
    const { steps } = parse(stepFactsSchema, await this.#send('GET', `${runPath(run)}/steps`));
    return new Map(steps.flatMap(({ name, facts }) => (facts === undefined ? [] : [[name, facts] as const])));
  }

  async playbooks(): Promise<readonly PlaybookCard[]> {
    return parse(playbookListSchema, await this.#send('GET', '/api/v1/playbooks')).playbooks;
  }

  /** Throws `not-found` when there is no such playbook. */
  async playbook(name: string): Promise<PlaybookDetail> {
    return parse(playbookDetailSchema, await this.#send('GET', `/api/v1/playbooks/${encodeURIComponent(name)}`));
  }

  /** The report as it was written, the newest unless a version is asked for. Throws `not-found` while there is none. */
  async report(run: string, format: 'json' | 'markdown', version?: number): Promise<string> {
    return this.#text(`${runPath(run)}/report`, { format, ...(version === undefined ? {} : { version: String(version) }) });
  }

  /** The same in one of its long forms, as it comes. */
  async *reportText(run: string, format: 'html' | 'csv', version?: number): AsyncGenerator<string> {
    const params = { format, ...(version === undefined ? {} : { version: String(version) }) };
    const decoder = new TextDecoder();
    for await (const chunk of await this.#stream(`${runPath(run)}/report`, params)) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  }

  /** The newest report in short. Throws `not-found` while there is none. */
  async summary(run: string): Promise<Compact> {
    return parse(compactSchema, await this.#send('GET', `${runPath(run)}/summary`));
  }

  async quota(): Promise<Quota> {
    return parse(quotaSchema, await this.#send('GET', '/api/v1/quota'));
  }

  /** Throws `not-found` when nobody has asked about the hash. */
  async lookup(sha256: string): Promise<LookupState> {
    return parse(lookupStateSchema, await this.#send('GET', `/api/v1/lookups/${encodeURIComponent(sha256)}`));
  }

  /** Asks about a hash, unless there is an answer. */
  async askLookup(sha256: string): Promise<LookupState> {
    return parse(lookupStateSchema, await this.#send('POST', '/api/v1/lookups', { data: { sha256 } }));
  }

  /** The chain, one entry a line, byte for byte. */
  custody(run: string): AsyncGenerator<Uint8Array> {
    return this.#bytes(`${runPath(run)}/custody`, {}, 'application/x-ndjson');
  }

  /** The register of all runs, one entry a line, byte for byte. */
  register(): AsyncGenerator<Uint8Array> {
    return this.#bytes('/api/v1/register', {}, 'application/x-ndjson');
  }

  async hasRun(run: string): Promise<boolean> {
    try {
      await this.#send('GET', runPath(run));
      return true;
    } catch (error) {
      if (error instanceof TriageError && error.code === 'not-found') return false;
      throw error;
    }
  }

  /** Of all runs, newest first. */
  async *runIds(): AsyncGenerator<string> {
    for await (const { id } of this.runs()) yield id;
  }

  /** The keys that the service says custody is signed with, by `kid`. */
  async publicKeys(): Promise<ReadonlyMap<string, KeyObject>> {
    return readKeySet(await this.#text('/.well-known/jwks.json', {})).keys;
  }

  /** The bag of a run that has ended, as a tar archive. Throws `conflict` while it has not. */
  bag(run: string, artifacts: 'encrypted' | 'plain', signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#bytes(`${runPath(run)}/bag`, { artifacts }, 'application/x-tar', signal);
  }

  /** The content of an artifact: as it is, or in an encrypted zip. */
  artifact(run: string, artifact: string, plain: boolean, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#bytes(`${runPath(run)}/artifacts/${encodeURIComponent(artifact)}/content`, { plain }, '*/*', signal);
  }

  #bytes(path: string, params: object, accept: string, signal = new AbortController().signal): AsyncGenerator<Uint8Array> {
    const options = { params, headers: { Accept: accept }, responseType: 'stream' as const, timeout: stallMs };
    return moving(async (both) => (await this.#send('GET', path, { ...options, signal: both })).data as AsyncIterable<Uint8Array>, signal);
  }

  async #text(path: string, params: object, accept = '*/*'): Promise<string> {
    const answer = await this.#send('GET', path, {
      params,
      responseType: 'text',
      transformResponse: (data: unknown) => data,
      headers: { Accept: accept },
    });
    return String(answer.data);
  }

  async #stream(path: string, params: object): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.#send('GET', path, { params, responseType: 'stream', headers: { Accept: '*/*' } });
    return answer.data as AsyncIterable<Uint8Array>;
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', url: string, options: SendOptions = {}): Promise<AxiosResponse<unknown>> {
    let answer: AxiosResponse<unknown>;
    try {
      answer = await patient(() => this.#http.request<unknown>({ method, url, ...options }), options.signal);
    } catch (error) {
      throw connectionError(error, this.config.url);
    }
    if (answer.status >= 400) throw refusal({ ...answer, data: answer.data instanceof Readable ? await startOf(answer.data) : answer.data });
    return answer;
  }
}

/** The first 64 KiB: an error is no longer. */
async function startOf(source: Readable): Promise<string> {
  let text = '';
  for await (const chunk of source as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > 65_536) break;
  }
  return text;
}

function runPath(run: string): string {
  return `/api/v1/runs/${encodeURIComponent(run)}`;
}

function parse<T extends z.ZodType>(schema: T, answer: AxiosResponse<unknown>): z.output<T> {
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  throw new TriageError(
    'internal',
    `the service gave an answer that this command does not understand (HTTP ${answer.status}); are both of the same version?`,
  );
}

/** Errors of axios hold the API key: only their code goes on. */
function connectionError(error: unknown, url: string): TriageError {
  if (isCancel(error) || (error instanceof Error && error.name === 'AbortError')) return new TriageError('cancelled', 'stopped');
  const code = isAxiosError(error) ? error.code : undefined;
  if (code === 'ECONNREFUSED') return new TriageError('redis-unavailable', `nobody listens at ${url}: is \`podtriage serve\` running?`);
  if (code === 'ECONNABORTED' || code === 'ETIMEDOUT') return new TriageError('timeout', `${url} does not answer in time`);
  return new TriageError('redis-unavailable', `no connection to ${url} (${code ?? 'unknown error'}); see PODTRIAGE_URL`);
}

function refusal(answer: AxiosResponse<unknown>): TriageError {
  const problem = problemSchema.safeParse(typeof answer.data === 'string' ? jsonOf(answer.data) : answer.data);
  if (!problem.success) return new TriageError('internal', `HTTP ${answer.status} from what may not be podtriage; see PODTRIAGE_URL`);
  const { code, detail, errors } = problem.data;
  const fields = errors.map((field) => `\n  ${field.pointer}: ${field.detail}`).join('');
  return new TriageError(isErrorCode(code) ? code : 'invalid-request', `${errors.length > 0 ? 'the request was not accepted:' : detail}${fields}`);
}

function isErrorCode(code: string): code is ErrorCode {
  return (errorCodes as readonly string[]).includes(code);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
