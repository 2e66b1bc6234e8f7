import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiClient } from '../../../cli/client.js';
import { exportRuns } from '../../../cli/commands/export.js';
import { type BagFile, inFolder, textFile } from '../../../playbooks/bag/bag-file.js';
import { bagFolder, payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import { tarHeader, tarPadding } from '../../../playbooks/bag/tar-header.js';
import { bagFiles } from '../../../store/bag/bag-files.js';
import { tarOf } from '../../../store/bag/tar.js';
import { fakeIo } from '../../unit/cli/fake-io.js';
import { FakeEvidence } from '../api/fakes.js';

let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-bag-'));
  await mkdir(join(folder, 'out'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

const run = 'r0123456789abcdefghj';
const name = (path: string): string => `${bagFolder(run)}/${path}`;

/** A member with a content, whatever its name, and of any type. */
function member(path: string, content: string, type = '0', link = ''): Buffer {
  const body = Buffer.from(content);
  const header = tarHeader({ name: path, size: body.length, mtime: 0 });
  header.write(type, 156, 'latin1');
  header.write(link, 157, 'latin1');
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, body, tarPadding(body.length)]);
}

async function* wholeBag(): AsyncGenerator<BagFile> {
  const seal = (): Promise<{ jws: string; entries: number }> => Promise.resolve({ jws: 'x', entries: 0 });
  const none = { artifacts: nothing, lookups: nothing, chain: nothing, register: nothing };
  const source = { ...none, now: () => Promise.reject(new Error()), steps: () => Promise.resolve([]), amendments: () => Promise.resolve([]) };
  const request = { target: { cluster: 'default', namespace: 'shop', pod: 'web-0' } } as Parameters<typeof bagFiles>[0]['request'];
  const material = {
    run,
    request,
    reports: [],
    entries: 0,
    destroyed: true,
    source,
    evidence: new FakeEvidence(),
    keySet: {},
    seal,
    at: new Date(),
  };
  yield* bagFiles(material, 'plain');
}

// eslint-disable-next-line @typescript-eslint/require-await -- an empty list
async function* nothing(): AsyncGenerator<never> {
  yield* [];
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Exports from a service that answers with these bytes. */
async function exportOf(answer: Uint8Array): Promise<number> {
  server = createServer((_req, res) => res.end(answer)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new ApiClient({ url: `http://127.0.0.1:${port}`, key: 'x', localEvidence: undefined });
  return exportRuns(fakeIo(), client, [run], { to: join(folder, 'out', 'bag') });
}

const sha256 = 'a'.repeat(64);

test.each([
  ['a path upwards', () => member(name('data/../../../x'), 'x')],
  ['an absolute path', () => member('/tmp/podtriage-x', 'x')],
  ['another folder', () => member('podtriage-other/bagit.txt', 'x')],
  ['a file that no bag has', () => member(name('data/x'), 'x')],
  ['a symbolic link', () => member(name(`data/artifacts/${sha256}`), '', '2', '/etc/passwd')],
  ['a hard link', () => member(name(`data/artifacts/${sha256}`), '', '1', '/etc/passwd')],
  ['a folder', () => member(name('data/artifacts'), '', '5')],
  ['a device', () => member(name(payloadFiles.keys), '', '3')],
])('a service that sends %s gets nothing onto the disk', async (_what, bytes) => {
  const rest = await bytesOf(tarOf(inFolder(bagFolder(run), wholeBag()), { at: new Date() }));
  await expect(exportOf(Buffer.concat([bytes(), rest]))).rejects.toMatchObject({ code: 'invalid-request' });
  expect(await readdir(folder, { recursive: true })).toEqual(['out']);
});

test('what a service sends must be a whole bag', async () => {
  const whole = async (edit: (file: BagFile) => BagFile[]): Promise<Buffer> => {
    async function* edited(): AsyncGenerator<BagFile> {
      for await (const file of wholeBag()) {
        // Each has to be read, or the next would not come.
        const bytes = await bytesOf(file.bytes as AsyncIterable<Uint8Array>);
        yield* edit({ path: file.path, size: bytes.length, bytes: [bytes] });
      }
    }
    return bytesOf(tarOf(inFolder(bagFolder(run), edited()), { at: new Date() }));
  };
  const good = await whole((file) => [file]);
  const bad: [string, Buffer][] = [
    ['transfer-truncated', good.subarray(0, -1_024)],
    ['transfer-truncated', good.subarray(0, good.length / 2)],
    ['transfer-truncated', Buffer.from('<html>')],
    ['digest-mismatch', await whole((file) => (file.path === tagFiles.tagManifest ? [] : [file]))],
    ['digest-mismatch', await whole((file) => (file.path === payloadFiles.keys ? [] : [file]))],
    ['digest-mismatch', await whole((file) => (file.path === payloadFiles.keys ? [textFile(file.path, '{"keys":[]}\n')] : [file]))],
    ['digest-mismatch', await whole((file) => (file.path === payloadFiles.keys ? [file, textFile(`data/artifacts/${sha256}`, 'x')] : [file]))],
    ['invalid-request', await whole((file) => (file.path === payloadFiles.keys ? [file, file] : [file]))],
  ];
  for (const [code, bytes] of bad) await expect(exportOf(bytes)).rejects.toMatchObject({ code });
  expect(await readdir(folder, { recursive: true })).toEqual(['out']);
  expect(await exportOf(good)).toBe(0);
});
