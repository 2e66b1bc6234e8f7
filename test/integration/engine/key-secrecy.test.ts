import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { startVirusTotalEmulator } from '../../emulators/virustotal.js';
import { fakeEvidence, fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
/** Some of it has to be escaped in an address. */
const marker = 'Marker/0123+456%89abcdef';
const servers: (Server | TcpServer)[] = [];
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(closing.splice(0).map((close) => close()));
  for (const server of servers.splice(0)) {
    const closed = once(server, 'close');
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
    await closed;
  }
});

async function listen(server: Server | TcpServer): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that tells whoever asks everything that he has sent, where it may. */
async function echoing(status: number, code: string): Promise<string> {
  const reply = (request: IncomingMessage, response: ServerResponse): void => {
    const said = `${request.url} ${JSON.stringify(request.headers)}`;
    response.writeHead(status, { location: `http://127.0.0.1:1${request.url}`, 'x-echo': encodeURIComponent(said) });
    response.end(code === 'html' ? `<html>${said}</html>` : JSON.stringify({ error: { code: code === 'echo' ? marker : code, message: said } }));
  };
  return `http://${await listen(createServer(reply))}`;
}

async function broken(): Promise<string> {
  return `http://${await listen(createServer((request, response) => response.writeHead(200, { 'content-length': '9999' }).write(request.url, () => request.socket.destroy())))}`;
}

async function noTls(): Promise<string> {
  return (await echoing(200, 'html')).replace('http:', 'https:');
}

/** Nothing listens there any more. */
async function nobody(): Promise<string> {
  const server = createServer();
  const address = await listen(server);
  servers.pop();
  server.close();
  await once(server, 'close');
  return `http://${address}`;
}

/** Whatever a proxy is told must not be the key. */
async function behindProxy(heard: string[]): Promise<string> {
  const proxy = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      heard.push(data.toString('latin1'));
      socket.end(`HTTP/1.1 502 Bad Gateway\r\nx-echo: ${data.toString('base64')}\r\n\r\n`);
    });
  });
  vi.stubEnv('https_proxy', `http://${await listen(proxy)}`);
  return 'https://virustotal.invalid';
}

async function ordinary(): Promise<string> {
  const emulator = await startVirusTotalEmulator({ keys: [marker], known: new Map(), perMinute: 100 });
  closing.push(() => emulator.close());
  return emulator.url;
}

const proxyHeard: string[] = [];

test.each([
  ['an ordinary source', ordinary],
  ['401 of VirusTotal', () => echoing(401, 'WrongCredentialsError')],
  ['403 with an echo as its code', () => echoing(403, 'echo')],
  ['429', () => echoing(429, 'QuotaExceededError')],
  ['503', () => echoing(503, 'TransientError')],
  ['400 with an echo as its code', () => echoing(400, 'echo')],
  ['404 of another server', () => echoing(404, 'html')],
  ['a page of HTML', () => echoing(200, 'html')],
  ['a redirect', () => echoing(302, 'html')],
  ['an answer that breaks off', broken],
  ['a server without TLS', noTls],
  ['nobody there', nobody],
  ['a proxy that refuses', () => behindProxy(proxyHeard)],
])('%s: the key is in no log line, Redis value, custody entry or kept answer', async (name, start) => {
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const kept: string[] = [];
  const evidence: EvidencePort = {
    ...fakeEvidence,
    async stage(source, signal, expected) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) chunks.push(chunk);
      kept.push(Buffer.concat(chunks).toString('latin1'));
      return fakeEvidence.stage(chunks, signal, expected);
    },
  };
  const intel = createVirusTotal({ url: await start(), apiKeys: [{ key: marker, limits: {} }], timeoutMs: 3_000 });
  await engine().runner({
    ports: { ...fakePorts, evidence, intel },
    quotaLimits: { perMinute: 100, perDay: 100, perMonth: 100 },
    logger,
    timings: { lookupDeadlineMs: { interactive: 2_500, other: 2_500 } },
  });
  const run = await engine().open('storm');
  const view = await engine().ended(run);
  const { redis } = engine();
  const heard = proxyHeard.splice(0);
  expect(heard.every((said) => said.startsWith('CONNECT '))).toBe(true);
  expect(heard.length > 0).toBe(name === 'a proxy that refuses');
  const { office } = engine();
  const seen = [
    ...lines,
    ...kept,
    ...heard,
    JSON.stringify(view),
    JSON.stringify(await engine().entries(run)),
    JSON.stringify(await engine().reader.lookups(run)),
    JSON.stringify(await office.quota()),
    ...(await everyValue(redis)),
  ].join('\n');
  // It would be easy not to find what was never there.
  expect(seen).toContain(intel.keys?.[0]?.id);
  for (const form of [marker, encodeURIComponent(marker), Buffer.from(marker).toString('base64')]) expect(seen).not.toContain(form);
});

/** Every key of this Redis with what it holds, as text. */
async function everyValue(redis: Redis): Promise<string[]> {
  const texts: string[] = [];
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key);
    // Gone since: what comes in its place may be of another type.
    if (type === 'none') continue;
    const value =
      type === 'string'
        ? await redis.get(key)
        : type === 'hash'
          ? await redis.hgetall(key)
          : type === 'list'
            ? await redis.lrange(key, 0, -1)
            : type === 'set'
              ? await redis.smembers(key)
              : type === 'zset'
                ? await redis.zrange(key, '0', '-1', 'WITHSCORES')
                : await redis.xrange(key, '-', '+');
    texts.push(`${key} ${JSON.stringify(value)}`);
  }
  return texts;
}
