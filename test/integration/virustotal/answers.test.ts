import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it, vi } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { isRetryable } from '../../../playbooks/domain/retry.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { fileObject } from '../../emulators/virustotal-files.js';
import { type Behaviour, HostileServers, http } from './hostile-server.js';

const apiKey = 'secret0123456789';
const sha256 = 'c'.repeat(64);
const other = 'd'.repeat(64);
const known = { name: 'x', malicious: 60, undetected: 12 };
const text = JSON.stringify(fileObject(sha256, known));
const fifty = 50 * 1024 * 1024;
const servers = new HostileServers();

afterEach(async () => {
  vi.unstubAllEnvs();
  await servers.close();
});

type Scene = () => Promise<string>;
/** Ends the connection after these bytes. */
const says =
  (answer: Buffer | string): Behaviour =>
  (socket) =>
    socket.end(answer);
const keepsSilent: Behaviour = () => undefined;
const at =
  (behaviour: Behaviour): Scene =>
  async () =>
    `http://${await servers.listen(behaviour)}`;
const answers = (status: string, content: Buffer | string, ...headers: string[]): Scene => at(says(http(status, content, ...headers)));
const json = (status: string, body: unknown): Scene => answers(status, JSON.stringify(body), 'Content-Type: application/json');
const error = (status: string, code: string): Scene => json(status, { error: { code, message: `it is ${code}` } });
const html = (status: string): Scene => answers(status, '<html><body>something else</body></html>', 'Content-Type: text/html');
const object = (attributes: object, type = 'file', id = sha256): Scene => json('200 OK', { data: { type, id, attributes } });
const stats = (malicious: unknown, suspicious: unknown, undetected: unknown, harmless: unknown = 0): object => ({
  last_analysis_stats: { malicious, suspicious, undetected, harmless, timeout: 0, failure: 0, 'type-unsupported': 0 },
});
/** Behind a proxy of the environment that does this with a CONNECT. */
const behind =
  (behaviour: Behaviour): Scene =>
  async () => {
    vi.stubEnv('https_proxy', `http://${await servers.listen(behaviour)}`);
    vi.stubEnv('no_proxy', '');
    return 'https://virustotal.invalid';
  };

const scenes: [name: string, scene: Scene, answer: string, retried: 'again' | 'no'][] = [
  // Answers about the file.
  ['200, many engines say malicious', json('200 OK', fileObject(sha256, known)), 'detected', 'no'],
  ['200, three say malicious', object(stats(3, 0, 60)), 'detected', 'no'],
  ['200, two say malicious', object(stats(2, 0, 60)), 'suspicious', 'no'],
  ['200, one says suspicious', object(stats(0, 1, 60)), 'suspicious', 'no'],
  ['200, nobody says anything bad', object(stats(0, 0, 60)), 'undetected', 'no'],
  ['200, some say harmless', object(stats(0, 0, 0, 9)), 'undetected', 'no'],
  ['200, the numbers are all zero', object(stats(0, 0, 0)), 'unknown', 'no'],
  ['200 without last_analysis_stats', object({}), 'unknown', 'no'],
  ['200, the hash in capitals', object({ ...stats(3, 0, 1), sha256: sha256.toUpperCase() }, 'file', sha256.toUpperCase()), 'detected', 'no'],
  ['404 NotFoundError', error('404 Not Found', 'NotFoundError'), 'unknown', 'no'],
  // 200, and no answer about the file.
  ['200 about another file', object(stats(60, 0, 0), 'file', other), 'intel-invalid-answer', 'no'],
  ['200, another sha256 inside', object({ ...stats(60, 0, 0), sha256: other }), 'intel-invalid-answer', 'no'],
  ['200 about a URL', object(stats(60, 0, 0), 'url'), 'intel-invalid-answer', 'no'],
  ['200, a private file', object(stats(60, 0, 0), 'private_file'), 'intel-invalid-answer', 'no'],
  ['200, a list of files', json('200 OK', { data: [{ type: 'file', id: sha256, attributes: {} }] }), 'intel-invalid-answer', 'no'],
  ['200, null', json('200 OK', null), 'intel-invalid-answer', 'no'],
  ['200, an empty array', json('200 OK', []), 'intel-invalid-answer', 'no'],
  ['200, data is null', json('200 OK', { data: null }), 'intel-invalid-answer', 'no'],
  ['200, no attributes', json('200 OK', { data: { type: 'file', id: sha256 } }), 'intel-invalid-answer', 'no'],
  ['200, last_analysis_stats is null', object({ last_analysis_stats: null }), 'intel-invalid-answer', 'no'],
  ['200, numbers as text', object(stats('60', 0, 0)), 'intel-invalid-answer', 'no'],
  ['200, a negative number', object(stats(-1, 0, 60)), 'intel-invalid-answer', 'no'],
  ['200, half a number', object(stats(0.5, 0, 60)), 'intel-invalid-answer', 'no'],
  ['200 with an error inside', error('200 OK', 'NotFoundError'), 'intel-invalid-answer', 'no'],
  ['200, HTML', html('200 OK'), 'intel-invalid-answer', 'no'],
  ['200, nothing', answers('200 OK', ''), 'intel-invalid-answer', 'no'],
  ['204, as version 2 said over quota', answers('204 No Content', ''), 'intel-invalid-answer', 'no'],
  // Refusals.
  ['400 BadRequestError', error('400 Bad Request', 'BadRequestError'), 'intel-invalid-answer', 'no'],
  ['400 NotAvailableYet', error('400 Bad Request', 'NotAvailableYet'), 'intel-unavailable', 'again'],
  ['400, a code that could be an echo', error('400 Bad Request', apiKey), 'intel-invalid-answer', 'no'],
  ['401 WrongCredentialsError', error('401 Unauthorized', 'WrongCredentialsError'), 'intel-unauthorized', 'no'],
  ['401 UserNotActiveError', error('401 Unauthorized', 'UserNotActiveError'), 'intel-unauthorized', 'no'],
  ['401 of somebody else', html('401 Unauthorized'), 'intel-unavailable', 'again'],
  ['403 ForbiddenError', error('403 Forbidden', 'ForbiddenError'), 'intel-unauthorized', 'no'],
  ['403 of a firewall', html('403 Forbidden'), 'intel-unavailable', 'again'],
  ['404 of a proxy, in HTML', html('404 Not Found'), 'intel-invalid-answer', 'no'],
  ['407 of a proxy', html('407 Proxy Authentication Required'), 'intel-unavailable', 'again'],
  ['408', html('408 Request Timeout'), 'intel-unavailable', 'again'],
  ['429 QuotaExceededError', error('429 Too Many Requests', 'QuotaExceededError'), 'intel-quota', 'again'],
  ['429 in HTML', html('429 Too Many Requests'), 'intel-quota', 'again'],
  ['500', html('500 Internal Server Error'), 'intel-unavailable', 'again'],
  ['502', html('502 Bad Gateway'), 'intel-unavailable', 'again'],
  ['503 TransientError', error('503 Service Unavailable', 'TransientError'), 'intel-unavailable', 'again'],
  ['504 DeadlineExceededError', error('504 Gateway Timeout', 'DeadlineExceededError'), 'intel-unavailable', 'again'],
  ['302 to somewhere else', answers('302 Found', '', 'Location: http://127.0.0.1:1/elsewhere'), 'intel-invalid-answer', 'no'],
  // Bodies that are not what they should be.
  ['a body cut short of its length', answers('200 OK', text.slice(0, 300), `Content-Length: ${text.length}`), 'intel-invalid-answer', 'no'],
  ['a body cut without a length', answers('200 OK', text.slice(0, 300)), 'intel-invalid-answer', 'no'],
  ['chunks without an end', answers('200 OK', `12c\r\n${text.slice(0, 300)}\r\n`, 'Transfer-Encoding: chunked'), 'intel-invalid-answer', 'no'],
  ['a packed body cut short', answers('200 OK', gzipSync(text).subarray(0, 60), 'Content-Encoding: gzip'), 'intel-invalid-answer', 'no'],
  ['bytes that are not packed as they say', answers('200 OK', text, 'Content-Encoding: gzip'), 'intel-invalid-answer', 'no'],
  ['50 MB', answers('200 OK', text + ' '.repeat(fifty)), 'intel-invalid-answer', 'no'],
  ['50 MB, packed small', answers('200 OK', gzipSync(text + ' '.repeat(fifty)), 'Content-Encoding: gzip'), 'intel-invalid-answer', 'no'],
  // No answer.
  ['slow drops', at((socket) => servers.drip(socket, http('200 OK', text))), 'intel-unavailable', 'again'],
  ['silence', at(keepsSilent), 'intel-unavailable', 'again'],
  [
    'silence in the middle',
    at((socket) => socket.write(http('200 OK', text.slice(0, 300), `Content-Length: ${text.length}`))),
    'intel-unavailable',
    'again',
  ],
  ['an end without a word', at(says('')), 'intel-unavailable', 'again'],
  ['a reset', at((socket) => socket.resetAndDestroy()), 'intel-unavailable', 'again'],
  ['no HTTP', at(says('SSH-2.0-x\r\n')), 'intel-unavailable', 'again'],
  ['nobody there', async () => `http://${await servers.nobody()}`, 'intel-unavailable', 'again'],
  ['a name that nobody knows', () => Promise.resolve('http://virustotal.invalid'), 'intel-unavailable', 'again'],
  [
    'a certificate that it signed itself',
    async () => `https://${await servers.listen(says(http('200 OK', text)), true)}`,
    'intel-unavailable',
    'again',
  ],
  ['no TLS', async () => `https://${await servers.listen(says(http('200 OK', text)))}`, 'intel-unavailable', 'again'],
  ['a proxy that refuses', behind(says(http('403 Forbidden', ''))), 'intel-unavailable', 'again'],
  ['a proxy that wants a password', behind(says(http('407 Proxy Authentication Required', ''))), 'intel-unavailable', 'again'],
  ['a proxy that hangs', behind(keepsSilent), 'intel-unavailable', 'again'],
  ['a proxy that answers by itself', behind(says(http('200 OK', text))), 'intel-unavailable', 'again'],
];

it.each(scenes)('%s: %3$s', async (_name, scene, answer, retried) => {
  const intel = createVirusTotal({ url: await scene(), apiKeys: [{ key: apiKey, limits: {} }], timeoutMs: 2_000 });
  const said: unknown = await intel.lookup(sha256, new AbortController().signal).catch((reason: unknown) => reason);
  if (!(said instanceof TriageError)) {
    expect([(said as Awaited<ReturnType<typeof intel.lookup>>).lookup.status, 'no']).toEqual([answer, retried]);
    return;
  }
  expect([said.code, isRetryable(said) ? 'again' : 'no']).toEqual([answer, retried]);
  expect(inspect(said, { depth: 20, showHidden: true }) + JSON.stringify(said.cause) + String(said.stack)).not.toContain(apiKey);
});
