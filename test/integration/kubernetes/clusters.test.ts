import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterPort, InContainerPort } from '../../../playbooks/ports.js';
import { createClusters } from '../../../workers/adapters/kubernetes/clusters.js';
import { ApiDouble, json, status } from './api-double.js';

const signal = new AbortController().signal;
const ref = { cluster: 'main', namespace: 'shop', pod: 'web' };
let api: ApiDouble;
let clusters: ClusterPort & InContainerPort;

beforeEach(async () => {
  api = await ApiDouble.start();
  clusters = createClusters({ main: api.kubeconfig() });
});
afterEach(() => api.stop());

test('a pod is asked for with the credentials and the path prefix of the kubeconfig, and kept as it came', async () => {
  const object = { metadata: { uid: 'u', unknownField: 1 }, spec: { containers: [] }, status: {} };
  const asked: unknown[] = [];
  api.answer = (request, response) => {
    asked.push(request.url, request.headers.authorization);
    json(response, object);
  };
  expect(await clusters.pod(ref, signal)).toEqual({ uid: 'u', containers: [], raw: object });
  expect(asked).toEqual(['/prefix/api/v1/namespaces/shop/pods/web', 'Bearer test-token']);
});

test('lone surrogates in an answer do not get further', async () => {
  api.answer = (_request, response) => json(response, '{"metadata":{"uid":"u","annotations":{"a":"\\ud800"}},"spec":{},"status":{}}');
  expect((await clusters.pod(ref, signal)).raw).toMatchObject({ metadata: { annotations: { a: '\ufffd' } } });
});

describe('a pod that is not there', () => {
  test.each([
    [200, 'the namespace exists'],
    [404, 'no namespace shop either'],
    [403, 'could not be found out'],
  ])('when its namespace answers %i says: %s', async (code, text) => {
    api.answer = (request, response) => {
      if (request.url?.endsWith('/pods/web') === true) status(response, 404, 'pods "web" not found');
      else if (code === 200) json(response, {});
      else status(response, code, 'no');
    };
    await expect(clusters.pod(ref, signal)).rejects.toMatchObject({ code: 'pod-not-found', message: expect.stringContaining(text) as string });
  });
});

describe('the API server', () => {
  test.each([401, 403])('that answers %i is cluster-forbidden and names what to grant', async (code) => {
    api.answer = (_request, response) => status(response, code, 'User "x" cannot get resource\u001b[2J');
    await expect(clusters.pod(ref, signal)).rejects.toMatchObject({
      code: 'cluster-forbidden',
      message: expect.stringContaining('get pods') as string,
    });
    await expect(clusters.node('main', 'n', signal)).rejects.toMatchObject({ message: expect.not.stringContaining('\u001b') as string });
    await expect(clusters.events(ref, 'u', signal)).rejects.toMatchObject({ message: expect.stringContaining('list events') as string });
  });

  test.each([429, 500, 503])('that answers %i is cluster-unreachable', async (code) => {
    api.answer = (_request, response) => status(response, code, 'later');
    await expect(clusters.pod(ref, signal)).rejects.toMatchObject({ code: 'cluster-unreachable' });
  });

  test('that is none, or is gone, is cluster-unreachable', async () => {
    api.answer = (_request, response) => response.end('<html>login</html>');
    await expect(clusters.pod(ref, signal)).rejects.toMatchObject({ code: 'cluster-unreachable' });
    api.answer = (request) => request.socket.destroy();
    await expect(clusters.pod(ref, signal)).rejects.toMatchObject({ code: 'cluster-unreachable' });
    await api.stop();
    api = await ApiDouble.start();
    await expect(clusters.pod(ref, signal)).rejects.toMatchObject({ code: 'cluster-unreachable' });
  });

  test('that does not answer can be given up', async () => {
    const abort = new AbortController();
    api.answer = () => abort.abort(new Error('enough'));
    await expect(clusters.pod(ref, abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

test('names that Kubernetes does not allow never reach a URL', async () => {
  const asked: unknown[] = [];
  api.answer = (request, response) => {
    asked.push(request.url);
    json(response, {});
  };
  for (const pod of ['../secrets/x', 'a?b', 'A', '', 'a/b']) {
    await expect(clusters.pod({ ...ref, pod }, signal)).rejects.toMatchObject({ code: 'invalid-request' });
    await expect(clusters.archive({ ...ref, pod }, 'c', Buffer.from('/'), 1, signal)).rejects.toMatchObject({ code: 'invalid-request' });
  }
  expect(asked).toEqual([]);
});

test('a cluster that is not configured is unknown-cluster', async () => {
  await expect(clusters.pod({ ...ref, cluster: 'other' }, signal)).rejects.toMatchObject({ code: 'unknown-cluster' });
});

test('a kubeconfig that is missing, broken or names no cluster is config-invalid', () => {
  const broken = join(api.folder, 'broken');
  for (const text of ['{', '{}', 'a: b']) {
    writeFileSync(broken, text);
    expect(() => createClusters({ main: broken })).toThrow(expect.objectContaining({ code: 'config-invalid' }) as Error);
  }
  expect(() => createClusters({ main: join(api.folder, 'nowhere') })).toThrow(expect.objectContaining({ code: 'config-invalid' }) as Error);
});

describe('a node', () => {
  test('has its InternalIP as address', async () => {
    api.answer = (_request, response) => json(response, { status: { addresses: [{ type: 'InternalIP', address: '10.0.0.7' }] } });
    expect(await clusters.node('main', 'node-a', signal)).toEqual({ cluster: 'main', name: 'node-a', address: '10.0.0.7' });
  });

  test('that is gone or has no address is node-unknown', async () => {
    await expect(clusters.node('main', 'node-a', signal)).rejects.toMatchObject({ code: 'node-unknown' });
    api.answer = (_request, response) => json(response, { status: { addresses: [] } });
    await expect(clusters.node('main', 'node-a', signal)).rejects.toMatchObject({ code: 'node-unknown' });
  });
});

test('events are those of one pod by its uid', async () => {
  let url = '';
  api.answer = (request, response) => {
    url = request.url ?? '';
    json(response, { items: [{ reason: 'Started' }] });
  };
  expect(await clusters.events(ref, 'u-1', signal)).toEqual({ items: [{ reason: 'Started' }] });
  expect(new URL(url, 'http://x').searchParams.get('fieldSelector')).toBe('involvedObject.uid=u-1');
});
