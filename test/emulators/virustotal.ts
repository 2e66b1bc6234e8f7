import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileObject, type KnownFile, type KnownFiles, readKnownFiles } from './virustotal-files.js';
import { KeyQuota, publicLimits, type QuotaLimits } from './virustotal-quota.js';
import { type Reply, UploadDesk, type UploadedFile, type UploadRules } from './virustotal-uploads.js';

/** How to start the emulator. Limits that are not given are the public API's, and are each key's own. */
export interface EmulatorOptions extends Partial<QuotaLimits> {
  readonly keys: readonly string[];
  /** Keys that may not ask for their quota are told so with 403. Default: all may. */
  readonly summaryForbidden?: boolean;
  /** Whether the quota summary is a request like any other; the documentation names no exception. Default true. */
  readonly summaryCosts?: boolean;
  /** How long a minute lasts, in milliseconds. Default 60,000. */
  readonly minuteMs?: number;
  /** How long each answer takes, in milliseconds. Default 0. */
  readonly answerMs?: number;
  /** What it knows, or a JSON file that says so. */
  readonly known: ReadonlyMap<string, KnownFile> | string;
  /** What it says of content that it is given. Default: it finds nothing, after one question, and nobody may use Private Scanning. */
  readonly uploads?: Partial<UploadRules>;
  readonly port?: number;
  readonly clock?: () => number;
}

/** Requests since the start, whatever their answer. */
export interface RequestCounts {
  /** Of the file endpoint. */
  total: number;
  /** Of the quota summary. */
  summaries: number;
  /** By method, whatever the path. */
  readonly perMethod: Map<string, number>;
  /** Answered 429. */
  overQuota: number;
  /** Of the file endpoint. */
  readonly perHash: Map<string, number>;
  /** By the key sent; the empty text stands for none. */
  readonly perKey: Map<string, number>;
  /** By the key sent and the path, `/api/v3/users/{id}/overall_quotas` for any id. */
  readonly perKeyAndPath: Map<string, number>;
}

/** A running emulator. */
export interface Emulator {
  readonly url: string;
  readonly requests: RequestCounts;
  /** Files that it was given, in order. */
  readonly uploaded: readonly UploadedFile[];
  /** While on, every request (with this method) is answered 503 TransientError. */
  outage(on: boolean, method?: string): void;
  /** Somebody else sends so many requests with a key of ours. */
  spend(key: string, count: number): void;
  /** Changes what a key may do. */
  allow(key: string, limits: Partial<QuotaLimits>): void;
  /** Takes a key back: from now on it is a wrong one. */
  revoke(key: string): void;
  close(): Promise<void>;
}

interface State {
  readonly known: KnownFiles;
  readonly quotas: Map<string, KeyQuota>;
  readonly requests: RequestCounts;
  readonly clock: () => number;
  readonly summaryForbidden: boolean;
  readonly summaryCosts: boolean;
  readonly desk: UploadDesk;
  outage: boolean;
  /** Only requests with this method are refused then; undefined: all. */
  outageOf: string | undefined;
}

/**
 * Starts an HTTP server on 127.0.0.1 that speaks VirusTotal's file endpoint, quota summary and uploads (API v3) from their public documentation.
 * Other processes can use `POST /admin/outage?on=true|false` and `GET /admin/requests`.
 */
export async function startVirusTotalEmulator(options: EmulatorOptions): Promise<Emulator> {
  const limits = { ...publicLimits, ...limitsOf(options) };
  const state: State = {
    known: typeof options.known === 'string' ? readKnownFiles(options.known) : options.known,
    quotas: new Map(options.keys.map((key) => [key, new KeyQuota(limits, options.minuteMs)])),
    requests: { total: 0, summaries: 0, overQuota: 0, perMethod: new Map(), perHash: new Map(), perKey: new Map(), perKeyAndPath: new Map() },
    clock: options.clock ?? Date.now,
    summaryForbidden: options.summaryForbidden ?? false,
    summaryCosts: options.summaryCosts ?? true,
    desk: new UploadDesk({ finds: new Map(), polls: 1, privateAllowed: false, ...options.uploads }, () => url()),
    outage: false,
    outageOf: undefined,
  };
  const server = createServer((request, response) => {
    route(state, request).then(
      (reply) => setTimeout(() => send(response, reply), options.answerMs ?? 0),
      // Who sends a file has broken off.
      () => response.destroy(),
    );
  });
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: url(),
    requests: state.requests,
    uploaded: state.desk.files,
    outage: (on, method) => {
      state.outage = on;
      state.outageOf = method;
    },
    spend: (key, count) => state.quotas.get(key)?.spend(state.clock(), count),
    revoke: (key) => void state.quotas.delete(key),
    allow: (key, changed) => state.quotas.get(key)?.allow({ ...limits, ...changed }),
    close: () => closeServer(server),
  };
}

function limitsOf({ perMinute, perDay, perMonth }: EmulatorOptions): Partial<QuotaLimits> {
  return {
    ...(perMinute === undefined ? {} : { perMinute }),
    ...(perDay === undefined ? {} : { perDay }),
    ...(perMonth === undefined ? {} : { perMonth }),
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

async function route(state: State, request: IncomingMessage): Promise<Reply> {
  const url = new URL(request.url ?? '/', 'http://emulator');
  if (!url.pathname.startsWith('/admin/')) increment(state.requests.perMethod, request.method ?? '');
  const file = /^\/api\/v3\/files\/([^/%]+)$/.exec(url.pathname)?.[1];
  if (request.method === 'GET' && file !== undefined && file !== 'upload_url') return answerFile(state, file, request);
  const user = /^\/api\/v3\/users\/([^/]+)\/overall_quotas$/.exec(url.pathname)?.[1];
  if (request.method === 'GET' && user !== undefined) return answerSummary(state, decodeURIComponent(user), request);
  if (request.method === 'POST' && url.pathname === '/admin/outage') {
    state.outage = url.searchParams.get('on') !== 'false';
    return { status: 200, body: { outage: state.outage } };
  }
  if (request.method === 'GET' && url.pathname === '/admin/requests') {
    const { perHash, perKey, perKeyAndPath, perMethod, ...counts } = state.requests;
    const maps = { perHash, perKey, perKeyAndPath, perMethod };
    return { status: 200, body: { ...counts, ...Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, Object.fromEntries(map)])) } };
  }
  if (isContent(url.pathname)) {
    const quota = admit(state, request, url.pathname);
    if (!(quota instanceof KeyQuota)) return quota;
    const answer = await state.desk.answer(request, url.pathname, String(request.headers['x-apikey']));
    if (answer !== undefined) return answer;
  }
  return refusal(404, 'NotFoundError', 'Resource not found.');
}

function isContent(path: string): boolean {
  return /^\/(_ah\/upload|api\/v3\/(private\/)?(files|analyses))(\/|$)/.test(path);
}

function answerFile(state: State, hash: string, request: IncomingMessage): Reply {
  state.requests.total += 1;
  increment(state.requests.perHash, hash);
  const quota = admit(state, request, `/api/v3/files/${hash}`);
  if (!(quota instanceof KeyQuota)) return quota;
  const known = state.known.get(hash.toLowerCase()) ?? state.desk.learned(hash.toLowerCase());
  if (known === undefined) return refusal(404, 'NotFoundError', `File "${hash}" not found`);
  return { status: 200, body: fileObject(hash.toLowerCase(), known) };
}

/** An API key is an id of its user; of others nothing is told. */
function answerSummary(state: State, user: string, request: IncomingMessage): Reply {
  state.requests.summaries += 1;
  const quota = admit(state, request, '/api/v3/users/{id}/overall_quotas', state.summaryCosts);
  if (!(quota instanceof KeyQuota)) return quota;
  if (user !== request.headers['x-apikey']) return refusal(404, 'NotFoundError', 'User not found');
  if (state.summaryForbidden) return refusal(403, 'ForbiddenError', 'You are not authorized to perform the requested operation');
  return { status: 200, body: { data: quota.summary(state.clock()) } };
}

/** Counts a request and takes it from the quota of its key, or refuses it. */
function admit(state: State, request: IncomingMessage, path: string, costs = true): KeyQuota | Reply {
  const header = request.headers['x-apikey'];
  const key = typeof header === 'string' ? header : '';
  increment(state.requests.perKey, key);
  increment(state.requests.perKeyAndPath, `${key} ${path}`);
  if (state.outage && (state.outageOf ?? request.method) === request.method)
    return refusal(503, 'TransientError', 'Transient server error, retry might work.');
  if (key === '') return refusal(401, 'AuthenticationRequiredError', 'X-Apikey header is missing');
  const quota = state.quotas.get(key);
  if (quota === undefined) return refusal(401, 'WrongCredentialsError', 'Wrong API key');
  if (!costs || quota.take(state.clock())) return quota;
  state.requests.overQuota += 1;
  return refusal(429, 'QuotaExceededError', 'Quota exceeded');
}

function increment(counts: Map<string, number>, of: string): void {
  counts.set(of, (counts.get(of) ?? 0) + 1);
}

function refusal(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body, null, 2));
}
