import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { containerTarArgv } from '../../../playbooks/acquisition/taking/container-tar.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { InContainerPort } from '../../../playbooks/ports.js';
import { createClusters } from '../../../workers/adapters/kubernetes/clusters.js';
import { ApiDouble, type ExecSession } from './api-double.js';

const MiB = 1024 * 1024;
const signal = new AbortController().signal;
const ref = { cluster: 'main', namespace: 'shop', pod: 'web' };
let api: ApiDouble;
let clusters: InContainerPort;

beforeEach(async () => {
  api = await ApiDouble.start();
  clusters = createClusters({ main: api.kubeconfig() });
});
afterEach(() => api.stop());

async function fetchAll(exec: (session: ExecSession) => Promise<void> | void, maxBytes = 100 * MiB, stop = signal): Promise<Buffer> {
  api.exec = (session) => void exec(session);
  const chunks: Buffer[] = [];
  for await (const chunk of await clusters.archive(ref, 'c', Buffer.from('/etc/it is'), maxBytes, stop)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('a stream that the API server calls a success is whole', async () => {
  let query = new URLSearchParams();
  const got = await fetchAll(async (session) => {
    query = session.url.searchParams;
    await session.send(1, 'ab');
    await session.send(2, 'tar: a warning');
    await session.send(1, Buffer.from([0, 255]));
    await session.success();
  });
  expect(got).toEqual(Buffer.from([0x61, 0x62, 0, 255]));
  expect(query.getAll('command')).toEqual(containerTarArgv('etc/it is'));
  expect(query.get('container')).toBe('c');
});

describe('a stream is an error', () => {
  const cases: Record<string, [(session: ExecSession) => Promise<void> | void, string]> = {
    'when the connection drops': [(session) => void session.send(1, 'part').then(() => session.socket.destroy()), 'transfer-truncated'],
    'when it is closed without a status': [(session) => void session.send(1, 'part').then(() => session.close()), 'transfer-truncated'],
    'when tar fails at its end': [(session) => void session.send(1, 'all').then(() => session.exit(2)), 'command-failed'],
    'when the status is nonsense': [(session) => void session.send(3, 'no json'), 'command-failed'],
    'when the server closes a channel of ours': [
      (session) => void session.send(255, Buffer.from([1])).then(() => session.close()),
      'transfer-truncated',
    ],
  };
  test.each(Object.entries(cases))('%s', async (_what, [exec, code]) => {
    await expect(fetchAll(exec)).rejects.toMatchObject({ code });
  });

  test('that says how tar failed, safe to print', async () => {
    const exec = async (session: ExecSession): Promise<void> => {
      await session.send(2, 'tar: \u001b[2J: No such file');
      await session.exit(2);
    };
    await expect(fetchAll(exec)).rejects.toMatchObject({ message: expect.stringMatching(/exit status 2: tar: \\x1b\[2J: No such file$/) as string });
  });

  test('as soon as it is larger than allowed, and the sender is cut off', async () => {
    let closed = false;
    const exec = async (session: ExecSession): Promise<void> => {
      session.socket.once('close', () => {
        closed = true;
      });
      while (!session.socket.destroyed) await session.send(1, Buffer.alloc(MiB));
    };
    await expect(fetchAll((session) => void exec(session).catch(() => undefined), 3 * MiB)).rejects.toMatchObject({ code: 'limit-exceeded' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(closed).toBe(true);
  });

  test('with the reason of an abort', async () => {
    const abort = new AbortController();
    const reason = new TriageError('timeout', 'the step took too long');
    const exec = (session: ExecSession): void => void session.send(1, 'x').then(() => setTimeout(() => abort.abort(reason), 50));
    await expect(fetchAll(exec, MiB, abort.signal)).rejects.toBe(reason);
  });
});

test('a slow reader makes the sender wait', async () => {
  let sent = 0;
  api.exec = (session) => {
    void (async () => {
      for (; sent < 64; sent += 1) await session.send(1, Buffer.alloc(MiB));
      await session.success();
    })();
  };
  const stream = await clusters.archive(ref, 'c', Buffer.from('/'), 100 * MiB, signal);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(sent).toBeLessThan(32);
  let size = 0;
  for await (const chunk of stream) size += (chunk as Buffer).length;
  expect(size).toBe(64 * MiB);
});

describe('an exec that does not begin', () => {
  test.each([
    [403, 'cluster-forbidden'],
    [404, 'pod-not-found'],
    [400, 'container-not-running'],
    [500, 'cluster-unreachable'],
  ])('with %i is %s', async (code, expected) => {
    api.execStatus = code;
    await expect(clusters.archive(ref, 'c', Buffer.from('/etc'), 1, signal)).rejects.toMatchObject({ code: expected });
  });

  test.each([Buffer.from([0x2f, 0xff]), Buffer.from('/a\0b'), Buffer.from('relative')])(
    'for a path that cannot be sent (%j) is command-failed',
    async (path) => {
      await expect(clusters.archive(ref, 'c', path, 1, signal)).rejects.toMatchObject({ code: 'command-failed' });
    },
  );
});
