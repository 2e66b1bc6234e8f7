import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { isRetryable } from '../../../playbooks/domain/retry.js';
import type { UploadFile } from '../../../playbooks/domain/upload.js';
import type { UploadPort } from '../../../playbooks/ports.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { type Emulator, startVirusTotalEmulator } from '../../emulators/virustotal.js';
import { type Behaviour, HostileServers, http } from './hostile-server.js';

const apiKey = 'secret0123456789';
const signal = new AbortController().signal;
const MiB = 1024 * 1024;
const servers = new HostileServers();
let emulator: Emulator | undefined;

afterEach(async () => {
  await servers.close();
  await emulator?.close();
  emulator = undefined;
});

async function start(): Promise<Emulator> {
  emulator = await startVirusTotalEmulator({ keys: [apiKey], known: new Map(), perMinute: 1_000, uploads: { polls: 2, privateAllowed: true } });
  return emulator;
}

function uploadsAt(url: string): UploadPort {
  return createVirusTotal({ url, apiKeys: [{ key: apiKey, limits: {} }], timeoutMs: 2_000, uploads: true }).uploads!;
}

/** A file of so many bytes, made while it is read, and its name. */
function fileOf(size: number): { file: UploadFile; content: () => Readable } {
  const chunk = Buffer.alloc(64 * 1024, 'podtriage');
  function* chunks(): Generator<Buffer> {
    for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  }
  const hash = createHash('sha256');
  for (const part of chunks()) hash.update(part);
  return { file: { sha256: hash.digest('hex'), size, mode: 'public' }, content: () => Readable.from(chunks(), { objectMode: false }) };
}

async function failure(promise: Promise<unknown>): Promise<TriageError> {
  const said = await promise.catch((reason: unknown) => reason);
  if (!(said instanceof TriageError)) throw new Error(`expected a failure, got ${inspect(said)}`);
  expect(inspect(said, { depth: 20, showHidden: true }) + JSON.stringify(said.cause) + String(said.stack)).not.toContain(apiKey);
  return said;
}

describe('giving a file away', () => {
  it('cannot be done unless it was switched on', () => {
    expect(createVirusTotal({ apiKeys: [{ key: apiKey, limits: {} }] }).uploads).toBeUndefined();
  });

  it.each([0, 1, 65_536, 3 * MiB + 7])('sends all of %i bytes, under the name of their hash', async (size) => {
    const source = await start();
    const { file, content } = fileOf(size);
    const receipt = await uploadsAt(source.url).send(file, content(), signal);
    expect(receipt).toMatchObject({ what: 'accepted' });
    expect(source.uploaded).toEqual([{ mode: 'public', sha256: file.sha256, bytes: size, filename: file.sha256, large: false }]);
  });

  it('sends what is larger than 32 MB to the address that it asks for', async () => {
    const source = await start();
    const uploads = uploadsAt(source.url);
    const { file, content } = fileOf(40 * MiB);
    expect(file.size).toBeGreaterThan(uploads.directBytes);
    const place = await uploads.place('public', signal);
    expect(await uploads.send(file, content(), signal, { place })).toMatchObject({ what: 'accepted' });
    expect(source.uploaded).toMatchObject([{ bytes: 40 * MiB, large: true }]);
    // It is good for one use.
    expect(await failure(uploads.send(file, content(), signal, { place }))).toMatchObject({ code: 'intel-invalid-answer' });
  });

  it('reads no more of a file than the source takes', async () => {
    const address = await servers.listen((socket) => socket.pause());
    const controller = new AbortController();
    const { file, content } = fileOf(300 * MiB);
    let read = 0;
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of content() as AsyncIterable<Buffer>) {
        read += chunk.length;
        yield chunk;
      }
    };
    const sending = failure(uploadsAt(`http://${address}`).send(file, counted(), controller.signal));
    for (let before = -1; before !== read; ) {
      before = read;
      await sleep(300);
    }
    controller.abort(new TriageError('cancelled', 'enough'));
    expect((await sending).code).toBe('cancelled');
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(64 * MiB);
  });

  it('tells an analysis that goes on from one that is complete', async () => {
    const source = await start();
    const uploads = uploadsAt(source.url);
    const { file, content } = fileOf(10);
    const receipt = await uploads.send({ ...file, mode: 'private' }, content(), signal);
    const analysis = receipt.what === 'accepted' ? receipt.analysis : '';
    expect(await uploads.analysed('private', analysis, signal)).toBe(false);
    expect(await uploads.analysed('private', analysis, signal)).toBe(true);
    expect((await uploads.report('private', file.sha256, signal)).lookup).toMatchObject({ status: 'unknown' });
    expect((await failure(uploads.analysed('public', analysis, signal))).code).toBe('intel-invalid-answer');
  });

  it.each([
    ['other bytes', (): Readable => Readable.from([Buffer.alloc(200_000, 'y')])],
    ['fewer bytes', (): Readable => Readable.from([Buffer.alloc(10)])],
    ['more bytes', (): Readable => Readable.from([Buffer.alloc(150_000), Buffer.alloc(150_000)])],
  ])('breaks off when the store has %s', async (_name, content) => {
    const source = await start();
    const error = await failure(uploadsAt(source.url).send(fileOf(200_000).file, content(), signal));
    expect(error.code).toBe('store-corrupt');
    expect(source.uploaded).toEqual([]);
  });

  it('stops with its signal, and the source does not have the file', async () => {
    const controller = new AbortController();
    const source = await start();
    const { file } = fileOf(200_000);
    const content = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(100_000, 'podtriage');
      controller.abort(new TriageError('cancelled', 'enough'));
      await new Promise(() => undefined);
    };
    expect((await failure(uploadsAt(source.url).send(file, content(), controller.signal))).code).toBe('cancelled');
    expect(source.uploaded).toEqual([]);
  });
});

describe('an address for a large file', () => {
  const gives =
    (data: string): Behaviour =>
    (socket) =>
      socket.end(http('200 OK', JSON.stringify({ data })));
  it.each([
    'https://evil.example/_ah/upload/1',
    'https://virustotal.com.evil.example/x',
    'https://evilvirustotal.com/x',
    'https://www.virustotal.com:8443/x',
    'https://user:pw@www.virustotal.com/x',
    'ftp://www.virustotal.com/x',
    'file:///etc/passwd',
    '/_ah/upload/1',
    'http://127.0.0.1:1/x',
  ])('is not believed when it is %s', async (address) => {
    const uploads = uploadsAt(`http://${await servers.listen(gives(address))}`);
    expect((await failure(uploads.place('public', signal))).code).toBe('intel-invalid-answer');
  });

  it('is looked at again before the file and the key go there', async () => {
    const heard: string[] = [];
    const elsewhere = await servers.listen((socket, request) => {
      heard.push(request);
      socket.end();
    });
    const { file, content } = fileOf(10);
    const source = await start();
    expect((await failure(uploadsAt(source.url).send(file, content(), signal, { place: `http://${elsewhere}/x` }))).code).toBe(
      'intel-invalid-answer',
    );
    expect(heard).toEqual([]);
  });

  it.each([
    ['http://www.virustotal.com/_ah/upload/AMmf', 'https://www.virustotal.com/_ah/upload/AMmf'],
    ['https://eu.virustotal.com/x', 'https://eu.virustotal.com/x'],
  ])('%s is on a host of VirusTotal, and spoken to by TLS', async (address, used) => {
    const uploads = uploadsAt(`http://${await servers.listen(gives(address))}`);
    expect(await uploads.place('public', signal)).toBe(used);
  });
});

/** Lets the whole request arrive, then answers. */
const onceWhole =
  (answer: (socket: Parameters<Behaviour>[0]) => void): Behaviour =>
  (socket, first) => {
    let seen = first;
    const look = (): void => {
      if (/--\r\n$/.test(seen)) answer(socket);
    };
    socket.on('data', (data) => {
      seen += data.toString('latin1');
      look();
    });
    look();
  };
const says = (status: string, body: unknown): Behaviour =>
  onceWhole((socket) => socket.end(http(status, typeof body === 'string' ? body : JSON.stringify(body))));
const error = (status: string, code: string): Behaviour => says(status, { error: { code } });

describe('what comes back for a file that was sent', () => {
  const receipt = { data: { type: 'analysis', id: 'bWQ1OjE=' } };
  it.each<[name: string, Behaviour, answer: string, retried: 'again' | 'no']>([
    ['200 with an analysis', says('200 OK', receipt), 'accepted', 'no'],
    ['200 with another object', says('200 OK', { data: { type: 'file', id: 'x' } }), 'unsure', 'no'],
    ['200 with an id that is none', says('200 OK', { data: { type: 'analysis', id: '\n' } }), 'unsure', 'no'],
    ['200, HTML', says('200 OK', '<html>'), 'unsure', 'no'],
    ['302', says('302 Found', ''), 'unsure', 'no'],
    ['400 BadRequestError', error('400 Bad Request', 'BadRequestError'), 'intel-invalid-answer', 'no'],
    ['401 WrongCredentialsError', error('401 Unauthorized', 'WrongCredentialsError'), 'intel-unauthorized', 'no'],
    ['403 ForbiddenError', error('403 Forbidden', 'ForbiddenError'), 'method-forbidden', 'no'],
    ['413 in its words', error('413 Payload Too Large', 'BadRequestError'), 'limit-exceeded', 'no'],
    ['429 QuotaExceededError', error('429 Too Many Requests', 'QuotaExceededError'), 'intel-quota', 'again'],
    ['502 of a gateway', says('502 Bad Gateway', '<html>'), 'unsure', 'no'],
    ['503 TransientError', error('503 Service Unavailable', 'TransientError'), 'intel-unavailable', 'again'],
    ['504 DeadlineExceededError', error('504 Gateway Timeout', 'DeadlineExceededError'), 'unsure', 'no'],
    ['nothing, and an end', onceWhole((socket) => socket.end()), 'unsure', 'no'],
    ['a reset', onceWhole((socket) => socket.resetAndDestroy()), 'unsure', 'no'],
    ['a reset before the file was there', (socket) => socket.resetAndDestroy(), 'intel-unavailable', 'again'],
  ])('%s: %3$s', async (_name, behaviour, answer, retried) => {
    // Larger than what the system takes from us before anybody has read it.
    const { file, content } = fileOf(8 * MiB);
    const said: unknown = await uploadsAt(`http://${await servers.listen(behaviour)}`)
      .send(file, content(), signal)
      .catch((reason: unknown) => reason);
    if (said instanceof TriageError) expect([said.code, isRetryable(said) ? 'again' : 'no']).toEqual([answer, retried]);
    else expect([(said as { what: string }).what, 'no']).toEqual([answer, retried]);
  });
});
