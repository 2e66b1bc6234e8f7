import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ListedPod } from '../../../playbooks/domain/batch.js';
import type { PodFilter, PodListPort } from '../../../playbooks/ports.js';
import { createClusters } from '../../../workers/adapters/kubernetes/clusters.js';
import { ApiDouble, json, status } from './api-double.js';

const signal = new AbortController().signal;
const id = (digit: string): string => digit.repeat(64);
let api: ApiDouble;
let pods: PodListPort;
let asked: URL[];

beforeEach(async () => {
  api = await ApiDouble.start();
  pods = createClusters({ main: api.kubeconfig() });
  asked = [];
});
afterEach(() => api.stop());

function pod(name: string, change: { metadata?: object; spec?: object; status?: object } = {}): object {
  return {
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...change.metadata },
    spec: { nodeName: 'node-a', containers: [{ name: 'c', image: 'shop/web:1' }], ...change.spec },
    status: { phase: 'Running', ...change.status },
  };
}

const page = (items: readonly object[], next = ''): object => ({ kind: 'PodList', apiVersion: 'v1', metadata: { continue: next }, items });

function answering(answers: readonly (object | number)[]): void {
  const left = [...answers];
  api.answer = (request, response) => {
    asked.push(new URL(request.url ?? '', 'http://double'));
    const answer = left.shift() ?? 500;
    if (typeof answer === 'number') status(response, answer, `said ${answer}`);
    else json(response, answer);
  };
}

async function list(filter: PodFilter = {}): Promise<ListedPod[]> {
  const all: ListedPod[] = [];
  for await (const some of pods.list('main', filter, signal)) all.push(...some);
  return all;
}

test('a list is read page by page, and what is selected is said to the API server', async () => {
  answering([page([pod('a')], 'token/1'), page([pod('b')])]);
  const all = await list({ namespace: 'shop', labels: 'app in (web,api),!canary', node: 'node-a' });
  expect(all.map((each) => each.pod)).toEqual(['a', 'b']);
  expect(asked.map(({ pathname }) => pathname)).toEqual(Array(2).fill('/prefix/api/v1/namespaces/shop/pods'));
  const query = { limit: '500', labelSelector: 'app in (web,api),!canary', fieldSelector: 'spec.nodeName=node-a' };
  expect(asked.map(({ searchParams }) => Object.fromEntries(searchParams))).toEqual([query, { ...query, continue: 'token/1' }]);
});

test('without a namespace all are listed', async () => {
  answering([page([])]);
  expect(await list()).toEqual([]);
  expect(asked[0]?.pathname).toBe('/prefix/api/v1/pods');
});

test('a token that has expired begins the list anew, and each pod comes once', async () => {
  answering([page([pod('a'), pod('b')], 't1'), 410, page([pod('b'), pod('c')], 't2'), page([pod('d')])]);
  expect((await list()).map((each) => each.pod)).toEqual(['a', 'b', 'c', 'd']);
});

test('a list that always expires is given up', async () => {
  answering([page([pod('a')], 't'), 410, page([pod('a')], 't'), 410, page([pod('a')], 't'), 410, page([])]);
  await expect(list()).rejects.toMatchObject({ code: 'cluster-unreachable' });
});

test('a selector that the API server refuses, and names that it could not have, are invalid-request', async () => {
  answering([400]);
  await expect(list({ labels: '!!' })).rejects.toMatchObject({ code: 'invalid-request', message: expect.stringContaining('said 400') as string });
  asked = [];
  await expect(list({ node: 'a,metadata.name=b' })).rejects.toMatchObject({ code: 'invalid-request' });
  await expect(list({ namespace: '../nodes' })).rejects.toMatchObject({ code: 'invalid-request' });
  expect(asked).toEqual([]);
});

test.each([
  [403, 'cluster-forbidden', 'list pods'],
  [500, 'cluster-unreachable', 'said 500'],
])('%i is %s', async (code, error, text) => {
  answering([code]);
  await expect(list()).rejects.toMatchObject({ code: error, message: expect.stringContaining(text) as string });
});

test.each([
  ['no list', { kind: 'NodeList', metadata: {}, items: [] }],
  ['a pod without a uid', page([{ metadata: { name: 'a', namespace: 'b' }, spec: {}, status: {} }])],
  ['a name that no pod has', page([pod('../x')])],
])('%s is an error, never left out', async (_what, answer) => {
  answering([answer]);
  await expect(list()).rejects.toMatchObject({ code: 'cluster-unreachable' });
});

describe('a pod', () => {
  const one = async (raw: object): Promise<ListedPod | undefined> => {
    answering([page([raw])]);
    return (await list())[0];
  };
  const ownedBy = (kind: string, name: string, hash?: string): object =>
    pod('a', {
      metadata: {
        ownerReferences: [
          { kind: 'Other', name: 'x' },
          { kind, name, controller: true },
        ],
        ...(hash === undefined ? {} : { labels: { 'pod-template-hash': hash } }),
      },
    });

  test.each([
    ['ReplicaSet', 'web-5f7c9', '5f7c9', { kind: 'Deployment', name: 'web' }],
    ['ReplicaSet', 'web-5f7c9', 'other', { kind: 'ReplicaSet', name: 'web-5f7c9' }],
    ['ReplicaSet', 'web-5f7c9', undefined, { kind: 'ReplicaSet', name: 'web-5f7c9' }],
    ['StatefulSet', 'db-5f7c9', '5f7c9', { kind: 'StatefulSet', name: 'db-5f7c9' }],
    ['Job', 'nightly-29123', undefined, { kind: 'Job', name: 'nightly-29123' }],
  ])('of %s %s with hash %s has its owner', async (kind, name, hash, owner) => {
    expect((await one(ownedBy(kind, name, hash)))?.owner).toEqual(owner);
  });

  test('has the ids of all its containers, those before a restart too, and the digests of what runs', async () => {
    const listed = await one(
      pod('a', {
        spec: { nodeName: '', initContainers: [{ image: 'i:1' }], containers: [{ image: 'w:1' }, { image: 'w:1' }] },
        status: {
          phase: 'Failed',
          initContainerStatuses: [{ containerID: `containerd://${id('a')}`, imageID: `docker.io/i@sha256:${id('1')}` }],
          containerStatuses: [
            {
              containerID: `cri-o://${id('b')}`,
              imageID: `sha256:${id('2')}`,
              state: { running: {} },
              lastState: { terminated: { containerID: `cri-o://${id('c')}` } },
            },
          ],
          ephemeralContainerStatuses: [{ containerID: 'docker://xyz', imageID: 'nonsense' }],
        },
      }),
    );
    expect(listed).toEqual({
      namespace: 'shop',
      pod: 'a',
      uid: 'uid-a',
      phase: 'Failed',
      images: ['i:1', 'w:1'],
      imageDigests: [`sha256:${id('1')}`, `sha256:${id('2')}`],
      containerIds: [id('a'), id('b'), id('c')],
    });
  });
});

test('who makes a pod with an owner that nobody could have keeps no other pod from being listed', async () => {
  const owned = (kind: string, name: string) => ({ metadata: { ownerReferences: [{ kind, name, controller: true }] } });
  answering([page([pod('long', owned('K'.repeat(64), 'x')), pod('longer', owned('Job', 'x'.repeat(254))), pod('empty', owned('', '')), pod('web')])]);
  expect((await list()).map((each) => [each.pod, each.owner])).toEqual(['long', 'longer', 'empty', 'web'].map((name) => [name, undefined]));
});
