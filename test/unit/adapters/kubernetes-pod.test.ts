import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../../../playbooks/domain/json.js';
import { internalIp, parsePod } from '../../../workers/adapters/kubernetes/pod.js';
import { wellFormed } from '../../../workers/adapters/kubernetes/well-formed.js';

const id = (digit: string): string => digit.repeat(64);

/** Shaped as kube-apiserver 1.34 answers. */
function pod(change: { metadata?: object; status?: object } = {}): JsonValue {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'web', namespace: 'shop', uid: 'u-1', labels: { app: 'web' }, ...change.metadata },
    spec: {
      nodeName: 'node-a',
      initContainers: [
        { name: 'setup', image: 'i:1' },
        { name: 'proxy', image: 'p:1', restartPolicy: 'Always' },
      ],
      containers: [
        { name: 'web', image: 'w:1' },
        { name: 'side', image: 's:1' },
      ],
    },
    status: {
      phase: 'Running',
      initContainerStatuses: [
        {
          name: 'setup',
          image: 'i:1',
          imageID: 'i@sha256:1',
          restartCount: 0,
          ready: true,
          containerID: `containerd://${id('a')}`,
          state: { terminated: { exitCode: 0, containerID: `containerd://${id('a')}` } },
        },
      ],
      containerStatuses: [
        {
          name: 'web',
          image: 'w:1',
          imageID: 'sha256:2',
          restartCount: 3,
          containerID: `cri-o://${id('b')}`,
          state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
          lastState: { terminated: { containerID: `cri-o://${id('c')}` } },
        },
      ],
      ephemeralContainerStatuses: [
        { name: 'dbg', image: 'd', imageID: '', restartCount: 0, containerID: 'docker://xyz', state: { waiting: { reason: 'x' } } },
      ],
      ...change.status,
    },
  };
}

describe('a pod', () => {
  test('has all its containers with kind, id, runtime, state and instance, also those that were not made yet', () => {
    const raw = pod();
    const parsed = parsePod(raw);
    expect(parsed).toMatchObject({ uid: 'u-1', node: 'node-a', raw });
    expect(parsed.staticUid).toBeUndefined();
    const now = { instance: 'current' };
    const web = { name: 'web', kind: 'container', runtime: 'cri-o', image: 'w:1', imageId: 'sha256:2', restarts: 3 };
    const none = { ...now, id: '', runtime: 'unknown', state: 'waiting', imageId: '', restarts: 0 };
    expect(parsed.containers).toEqual([
      {
        ...now,
        name: 'setup',
        kind: 'init',
        id: id('a'),
        runtime: 'containerd',
        state: 'terminated',
        image: 'i:1',
        imageId: 'i@sha256:1',
        restarts: 0,
      },
      { ...none, name: 'proxy', kind: 'sidecar', image: 'p:1' },
      { ...web, ...now, id: id('b'), state: 'running' },
      { ...web, instance: 'previous', id: id('c'), state: 'terminated' },
      { ...none, name: 'side', kind: 'container', image: 's:1' },
      { ...none, name: 'dbg', kind: 'ephemeral', image: 'd' },
    ]);
  });

  const web = (status: object) => ({ name: 'web', image: 'w:1', imageID: '', restartCount: 1, ...status });
  const instances = (status: object) =>
    parsePod(pod({ status: { containerStatuses: [web(status)] } }))
      .containers.filter(({ name }) => name === 'web')
      .map(({ instance, id: known, state }) => [instance, known, state]);

  test('has no previous instance where the status names the same one twice, or none that could be looked for', () => {
    const waiting = { state: { waiting: { reason: 'CrashLoopBackOff' } } };
    const last = (containerID: string) => ({ lastState: { terminated: { exitCode: 1, containerID } } });
    expect(instances({ ...waiting, ...last(`cri-o://${id('a')}`), containerID: `cri-o://${id('a')}` })).toEqual([['current', id('a'), 'waiting']]);
    expect(instances({ ...waiting, ...last('cri-o://../../etc'), containerID: `cri-o://${id('a')}` })).toEqual([['current', id('a'), 'waiting']]);
    expect(instances({ ...waiting, lastState: { terminated: null } })).toEqual([['current', '', 'waiting']]);
    expect(instances({ ...waiting, ...last(`cri-o://${id('a')}`), containerID: '' })).toEqual([
      ['current', '', 'waiting'],
      ['previous', id('a'), 'terminated'],
    ]);
  });

  test('that mirrors a static pod carries the uid that kubelet uses; the hash alone means nothing', () => {
    const annotations = { 'kubernetes.io/config.hash': 'h', 'kubernetes.io/config.mirror': 'h' };
    expect(parsePod(pod({ metadata: { annotations } })).staticUid).toBe('h');
    expect(parsePod(pod({ metadata: { annotations: { 'kubernetes.io/config.hash': 'h' } } })).staticUid).toBeUndefined();
  });

  test('that was not scheduled yet has no node', () => {
    const raw = { metadata: { uid: 'u' }, spec: { containers: [{ name: 'c' }] }, status: { phase: 'Pending' } };
    expect(parsePod(raw)).toMatchObject({ containers: [{ name: 'c', state: 'waiting' }] });
    expect(parsePod(raw).node).toBeUndefined();
  });

  test.each([[null], ['text'], [{}], [{ metadata: { uid: 7 }, spec: {}, status: {} }]])('is not %j', (raw) => {
    expect(() => parsePod(raw)).toThrow(expect.objectContaining({ code: 'cluster-unreachable' }) as Error);
  });
});

test('a node has its InternalIP', () => {
  const addresses = [
    { type: 'Hostname', address: 'node-a' },
    { type: 'InternalIP', address: '10.0.0.1' },
  ];
  expect(internalIp({ status: { addresses } })).toBe('10.0.0.1');
  expect(internalIp({ status: {} })).toBeUndefined();
  expect(internalIp('nonsense')).toBeUndefined();
});

test('lone surrogates are replaced wherever they stand, and pairs stay', () => {
  const value = JSON.parse('{"a\\ud800":["\\udc00x","\\ud83d\\ude00"],"__proto__":{"b":"\\ud800"},"n":1,"z":null}') as JsonValue;
  expect(JSON.stringify(wellFormed(value))).toBe('{"a\ufffd":["\ufffdx","\u{1f600}"],"__proto__":{"b":"\ufffd"},"n":1,"z":null}');
});
