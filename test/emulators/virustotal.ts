import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileObject, type KnownFile, type KnownFiles, readKnownFiles } from './virustotal-files.js';
import { KeyQuota, publicLimits, type QuotaLimits } from './virustotal-quota.js';

/** How to start the emulator. Limits that are not given are the public API's. */
export interface EmulatorOptions extends Partial<QuotaLimits> {
  readonly keys: readonly string[];
  /** What it knows, or a JSON file that says so. */
  readonly known: ReadonlyMap<string, KnownFile> | string;
  readonly port?: number;
  readonly clock?: () => number;
}

/** Requests of the file endpoint since the start, whatever their answer. */
export interface RequestCounts {
  total: number;
  /** Answered 429. */
  overQuota: number;
  readonly perHash: Map<string, number>;
  /** By the key sent; the empty text stands for none. */
  readonly perKey: Map<string, number>;
}

/** A running emulator. */
export interface Emulator {
  readonly url: string;
  readonly requests: RequestCounts;
  /** While on, every question is answered 503 TransientError. */
  outage(on: boolean): void;
  close(): Promise<void>;
}

interface State {
  readonly known: KnownFiles;
  readonly quotas: ReadonlyMap<string, KeyQuota>;
  readonly requests: RequestCounts;
  readonly clock: () => number;
  outage: boolean;
}

/**
 * Starts an HTTP server on 127.0.0.1 that speaks VirusTotal's file endpoint (API v3) from its public documentation.
 * Other processes can use `POST /admin/outage?on=true|false` and `GET /admin/requests`.
 */
export async function startVirusTotalEmulator(options: EmulatorOptions): Promise<Emulator> {
  const limits = { ...publicLimits, ...limitsOf(options) };
  const state: State = {
    known: typeof options.known === 'string' ? readKnownFiles(options.known) : options.known,
    quotas: new Map(options.keys.map((key) => [key, new KeyQuota(limits)])),
    requests: { total: 0, overQuota: 0, perHash: new Map(), perKey: new Map() },
    clock: options.clock ?? Date.now,
    outage: false,
  };
  const server = createServer((request, response) => send(response, route(state, request)));
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: state.requests,
    outage: (on) => {
      state.outage = on;
    },
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

interface Reply {
  readonly status: number;
  readonly body: object;
}

function route(state: State, request: IncomingMessage): Reply {
  const url = new URL(request.url ?? '/', 'http://emulator');
  const file = /^\/api\/v3\/files\/([^/%]+)$/.exec(url.pathname)?.[1];
  if (request.method === 'GET' && file !== undefined) return answerFile(state, file, request);
  if (request.method === 'POST' && url.pathname === '/admin/outage') {
    state.outage = url.searchParams.get('on') !== 'false';
    return { status: 200, body: { outage: state.outage } };
  }
  if (request.method === 'GET' && url.pathname === '/admin/requests') {
    const { perHash, perKey, ...counts } = state.requests;
    return { status: 200, body: { ...counts, perHash: Object.fromEntries(perHash), perKey: Object.fromEntries(perKey) } };
  }
  return refusal(404, 'NotFoundError', 'Resource not found.');
}

function answerFile(state: State, hash: string, request: IncomingMessage): Reply {
  const header = request.headers['x-apikey'];
  const key = typeof header === 'string' ? header : '';
  count(state.requests, hash, key);
  if (state.outage) return refusal(503, 'TransientError', 'Transient server error, retry might work.');
  if (key === '') return refusal(401, 'AuthenticationRequiredError', 'X-Apikey header is missing');
  const quota = state.quotas.get(key);
  if (quota === undefined) return refusal(401, 'WrongCredentialsError', 'Wrong API key');
  if (!quota.take(state.clock())) {
    state.requests.overQuota += 1;
    return refusal(429, 'QuotaExceededError', 'Quota exceeded');
  }
  const known = state.known.get(hash.toLowerCase());
  if (known === undefined) return refusal(404, 'NotFoundError', `File "${hash}" not found`);
  return { status: 200, body: fileObject(hash.toLowerCase(), known) };
}

function count(requests: RequestCounts, hash: string, key: string): void {
  requests.total += 1;
  requests.perHash.set(hash, (requests.perHash.get(hash) ?? 0) + 1);
  requests.perKey.set(key, (requests.perKey.get(key) ?? 0) + 1);
}

function refusal(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body, null, 2));
}
