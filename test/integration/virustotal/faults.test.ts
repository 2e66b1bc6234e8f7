import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { fileObject } from '../../emulators/virustotal-files.js';

const apiKey = 'secret0123456789';
const sha256 = 'c'.repeat(64);
const body = JSON.stringify(fileObject(sha256, { name: 'x', malicious: 60, undetected: 12 }));
const sockets = new Set<Socket>();
let server: Server | undefined;

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  const closing = server === undefined ? undefined : once(server, 'close');
  server?.close();
  await closing;
  server = undefined;
});

/** A server that answers every request with these raw bytes; then it closes, resets or keeps silent. */
async function rawServer(reply: (request: string) => Buffer | string, end: 'close' | 'reset' | 'keep' = 'close'): Promise<string> {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      socket.write(reply(data.toString('latin1')), () => {
        if (end === 'close') socket.end();
        if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 50);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ask(url: string, signal = new AbortController().signal): Promise<TriageError> {
  const error: unknown = await createVirusTotal({ url, apiKey, timeoutMs: 500, maxBytes: 64 * 1024 })
    .lookup(sha256, signal)
    .catch((reason: unknown) => reason);
  if (!(error instanceof TriageError)) throw new Error(`expected a failure, got ${inspect(error)}`);
  expect(everythingIn(error)).not.toContain(apiKey);
  return error;
}

function everythingIn(error: TriageError): string {
  return inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + JSON.stringify(error.cause) + String(error.stack);
}

function http(status: string, content: Buffer | string, ...headers: string[]): Buffer {
  return Buffer.concat([Buffer.from([`HTTP/1.1 ${status}`, 'Connection: close', ...headers, '', ''].join('\r\n')), Buffer.from(content)]);
}

describe('a broken answer is never a verdict', () => {
  it.each([
    ['HTML with status 200', () => http('200 OK', '<html>proxy login</html>', 'Content-Type: text/html')],
    ['a body cut short of its length', () => http('200 OK', body.slice(0, 300), `Content-Length: ${body.length}`)],
    ['a body cut without a length', () => http('200 OK', body.slice(0, 300))],
    ['a chunked body without its end', () => http('200 OK', `12c\r\n${body.slice(0, 300)}\r\n`, 'Transfer-Encoding: chunked')],
    ['a body larger than allowed', () => http('200 OK', body + ' '.repeat(80_000))],
    ['a small body that unpacks to a large one', () => http('200 OK', gzipSync(' '.repeat(5_000_000)), 'Content-Encoding: gzip')],
    ['a packed body cut short', () => http('200 OK', gzipSync(body).subarray(0, 60), 'Content-Encoding: gzip')],
    ['a redirect', () => http('302 Found', '', 'Location: http://127.0.0.1:1/elsewhere', 'Content-Length: 0')],
    ['an error code that echoes the key', () => http('400 Bad Request', JSON.stringify({ error: { code: apiKey } }))],
  ])('%s', async (_name, reply) => {
    expect((await ask(await rawServer(reply))).code).toBe('intel-invalid-answer');
  });
});

describe('a source that cannot be had', () => {
  it.each([
    ['closes without a word', (): Buffer | string => '', 'close'],
    ['speaks no HTTP', (): Buffer | string => 'SSH-2.0-x\r\n', 'close'],
    ['never answers', (): Buffer | string => '', 'keep'],
    [
      'resets the connection in the middle of the body',
      (): Buffer | string => http('200 OK', body.slice(0, 300), `Content-Length: ${body.length}`),
      'reset',
    ],
    ['stops in the middle of the body', (): Buffer | string => http('200 OK', body.slice(0, 300), `Content-Length: ${body.length}`), 'keep'],
  ] as const)('is unavailable: it %s', async (_name, reply, end) => {
    expect((await ask(await rawServer(reply, end))).code).toBe('intel-unavailable');
  });

  it('is unavailable when nothing listens', async () => {
    const url = await rawServer(() => '');
    server?.close();
    server = undefined;
    const error = await ask(url);
    expect(error).toMatchObject({ code: 'intel-unavailable', cause: { code: 'ECONNREFUSED' } });
  });

  it('is unavailable when it speaks no TLS', async () => {
    const url = await rawServer(() => 'nonsense');
    expect((await ask(url.replace('http:', 'https:'))).code).toBe('intel-unavailable');
  });
});

describe('stopping', () => {
  it('ends the request with the reason of the signal', async () => {
    const controller = new AbortController();
    const url = await rawServer(() => {
      controller.abort(new TriageError('timeout', 'the step took too long'));
      return '';
    }, 'keep');
    expect((await ask(url, controller.signal)).code).toBe('timeout');
  });

  it('asks nothing once stopped', async () => {
    let asked = 0;
    const url = await rawServer(() => {
      asked += 1;
      return '';
    });
    expect((await ask(url, AbortSignal.abort('shutdown'))).code).toBe('cancelled');
    expect(asked).toBe(0);
  });
});

describe('settings', () => {
  it.each([{ url: 'ftp://x' }, { url: 'https://user:pw@x' }, { url: 'nonsense' }, { apiKey: '' }, { apiKey: 'a\nb' }])(
    'that cannot work are refused without showing them: %o',
    (bad) => {
      expect(() => createVirusTotal({ apiKey, ...bad })).toThrow(/PODTRIAGE_VT_(URL|KEY_FILE)/);
    },
  );
});
