import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningApi, startApi } from '../../../api/server.js';
import { type Door, openDoor, secret } from './door.js';

let door: Door;
let api: RunningApi;
beforeAll(async () => {
  door = openDoor();
  api = await startApi(door.app, '127.0.0.1', 0);
});
afterEach(() => {
  door.runs.runs.clear();
});
afterAll(() => api.stop(0));

interface Told {
  readonly status: number;
  readonly type: string;
  readonly problem: { readonly code?: string; readonly detail?: string };
}

/** Sends bytes as they are; `fetch` would make them better. An answer that comes before all is sent counts. */
async function send(body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Told> {
  const { port } = new URL(api.url);
  const length: Record<string, string> = 'transfer-encoding' in headers ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const all = { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...length, ...headers };
  const request = httpRequest({ host: '127.0.0.1', port, path: '/api/v1/runs', method: 'POST', headers: all, agent: false });
  request.on('error', () => undefined);
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  const type = response.headers['content-type'] ?? '';
  return { status: response.statusCode ?? 0, type, problem: type.includes('json') ? (JSON.parse(text) as Told['problem']) : {} };
}

/** A problem of the caller's, told as the contract has it, and no run for it. */
function refused(told: Told, status: number, code: string): void {
  expect(told).toMatchObject({ status, problem: { code } });
  expect(told.type).toMatch(/^application\/problem\+json/);
  expect(door.runs.runs.size).toBe(0);
}

const target = '{"namespace":"shop","pod":"web-0"}';
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('a body that is meant to harm', () => {
  it.each([
    ['__proto__ at the top', `{"target":${target},"__proto__":{"admin":true}}`],
    ['__proto__ in the target', '{"target":{"namespace":"shop","pod":"web-0","__proto__":{"cluster":"x"}}}'],
    ['__proto__ in place of what is needed', `{"__proto__":{"target":${target}}}`],
    ['constructor.prototype', `{"target":${target},"constructor":{"prototype":{"admin":true}}}`],
    ['an array with fields', '["target"]'],
    ['no object', '"text"'],
    ['null', 'null'],
    ['nesting of 10,000', `{"target":${nested(10_000)}}`],
    ['nesting of 30,000 where text should be', `{"target":${target},"reason":${nested(15_000)}}`],
    ['a number beyond all numbers', `{"target":${target},"options":{"retentionDays":1e999}}`],
    ['NaN', `{"target":${target},"options":{"retentionDays":NaN}}`],
    ['two values', `{"target":${target}}{"target":${target}}`],
    ['nothing', ''],
    ['blanks', '   '],
    ['a NUL', `{"target":${target}}\0`],
    ['a byte order mark in the middle', `{"target":\ufeff${target}}`],
    ['half of it', `{"target":${target}`],
  ])('is refused: %s', async (_what, body) => {
    refused(await send(body), 400, 'invalid-request');
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it('is not read to its end when it is too long', async () => {
    const long = Buffer.alloc(10 * 1024 * 1024, ' ');
    refused(await send(long), 413, 'body-too-large');
    refused(await send(long, { 'transfer-encoding': 'chunked' }), 413, 'body-too-large');
    refused(await send(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' }), 413, 'body-too-large');
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json-patch+json',
    'x',
  ])('is refused as %s', async (type) => {
    refused(await send(`{"target":${target}}`, { 'content-type': type }), 415, 'unsupported-media-type');
  });

  it.each(['x-unknown', 'gzip'])('is refused in the encoding %s that it does not have', async (encoding) => {
    const told = await send(`{"target":${target}}`, { 'content-encoding': encoding });
    expect([400, 415]).toContain(told.status);
    refused(told, told.status, told.status === 400 ? 'invalid-request' : 'unsupported-media-type');
  });

  it.each(['utf-16', 'iso-8859-1'])('is refused in %s', async (charset) => {
    const told = await send(`{"target":${target}}`, { 'content-type': `application/json; charset=${charset}` });
    expect([400, 415]).toContain(told.status);
    expect(door.runs.runs.size).toBe(0);
  });

  it('says what its last value says where a name comes twice, as JSON.parse has it', async () => {
    const told = await send(`{"target":{"namespace":"other","pod":"web-0"},"target":${target}}`);
    expect(told).toMatchObject({ status: 202, problem: { request: { target: { namespace: 'shop' } } } });
  });

  it.each([
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(`{"target":${target},"reason":"`), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('"}')]),
    ],
    ['a lone surrogate', `{"target":${target},"reason":"\\ud800"}`],
    ['control characters', `{"target":${target},"reason":"\\u0000\\u001b[2J\\u202e"}`],
  ])('is taken as text where it is only text, and given back as valid text: %s', async (_what, body) => {
    const told = await send(body);
    expect(told.status).toBe(202);
    expect(JSON.stringify(told.problem)).not.toMatch(/\\ud[89ab]/);
  });

  it('is a problem of the caller or a run, whatever it is', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)),
      fc.json({ maxDepth: 6 }).map((each) => Buffer.from(each)),
      fc.json().map((each) => Buffer.from(`{"target":${target},"reason":${each}}`)),
    );
    const types = fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/json', '');
    await fc.assert(
      fc.asyncProperty(bytes, types, async (body, type) => {
        const told = await send(body, { 'content-type': type });
        expect([202, 400, 413, 415]).toContain(told.status);
      }),
      { numRuns: 200 },
    );
  });

  it('cannot be smuggled behind another one', async () => {
    const { port } = new URL(api.url);
    const socket = connect(Number(port), '127.0.0.1');
    const inner = `GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`;
    socket.end(`POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: ${inner.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
  });
});
