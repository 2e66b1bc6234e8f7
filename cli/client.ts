import { type AxiosInstance, type AxiosResponse, create, isAxiosError, isCancel } from 'axios';
import type { z } from 'zod';
import { type ErrorCode, errorCodes, TriageError } from '../playbooks/domain/error.js';
import { type Compact, compactSchema } from '../playbooks/report/compact.js';
import {
  keySetSchema,
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

/** How long one long poll waits, in seconds, and how much longer the connection may take, in milliseconds. */
const pollSeconds = 30;
const graceMs = 15_000;

/** A run and the tag that says whether it has changed since. `run` is undefined when it has not. */
export interface Watched {
  readonly run: Run | undefined;
  readonly tag: string | undefined;
}

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

  async list(limit: number): Promise<readonly RunSummary[]> {
    return parse(runPageSchema, await this.#send('GET', '/api/v1/runs', { params: { limit } })).runs;
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
  async custody(run: string): Promise<string[]> {
    const text = await this.#text(`${runPath(run)}/custody`, {}, 'application/x-ndjson');
    return text.split('\n').slice(0, -1);
  }

  /** The keys that the service says custody is signed with. */
  async keySet(): Promise<z.output<typeof keySetSchema>> {
    return parse(keySetSchema, await this.#send('GET', '/.well-known/jwks.json'));
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

  async #send(method: 'GET' | 'POST', url: string, options: object = {}): Promise<AxiosResponse<unknown>> {
    let answer: AxiosResponse<unknown>;
    try {
      answer = await this.#http.request<unknown>({ method, url, ...options });
    } catch (error) {
      throw connectionError(error, this.config.url);
    }
    if (answer.status >= 400) throw refusal(answer);
    return answer;
  }
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
  if (isCancel(error)) return new TriageError('cancelled', 'stopped');
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
