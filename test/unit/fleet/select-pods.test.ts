import { describe, expect, test } from 'vitest';
import type { ListedPod, Selection } from '../../../playbooks/domain/batch.js';
import { filtersOf, namespaceOf, selectPods } from '../../../playbooks/fleet/select-pods.js';

const digest = `sha256:${'1'.repeat(64)}`;

function pod(name: string, change: Partial<ListedPod> = {}): ListedPod {
  const owner = { kind: 'Deployment', name: 'web' };
  const base = { namespace: 'shop', pod: name, uid: `uid-${name}`, node: 'node-a', phase: 'Running', owner };
  return { ...base, images: ['shop/web:1'], imageDigests: [digest], containerIds: [], ...change };
}

const names = (select: Selection, listed: readonly ListedPod[]): string[] =>
  selectPods(select, 'main', 'all', listed).targets.map((each) => each.pod);

describe('a selection', () => {
  const listed = [
    pod('a'),
    pod('b', { node: 'node-b', images: ['shop/api:2'], imageDigests: [] }),
    pod('c', { namespace: 'bank' }),
    pod('d', { owner: { kind: 'StatefulSet', name: 'web' }, phase: 'Succeeded' }),
    pod('e', { images: ['other'] }),
  ];

  test.each<[Selection, string[]]>([
    [{ all: true }, ['a', 'b', 'c', 'd', 'e']],
    [{ where: { namespace: 'shop' } }, ['a', 'b', 'd', 'e']],
    [{ where: { node: 'node-b' } }, ['b']],
    [{ where: { image: 'shop/web:1' } }, ['a', 'c', 'd']],
    [{ where: { image: digest } }, ['a', 'c', 'd', 'e']],
    [{ where: { image: 'shop/web' } }, []],
    [{ where: { owner: { kind: 'StatefulSet', name: 'web' } } }, ['d']],
    [{ where: { namespace: 'shop', owner: { kind: 'Deployment', name: 'web' }, image: 'shop/web:1' } }, ['a']],
  ])('%j takes what fits every field, pods that have ended too', (select, wanted) => {
    expect(names(select, listed)).toEqual(wanted);
  });

  test('by name takes each once, keeps the container, and says which are not there', () => {
    const targets = [
      { namespace: 'shop', pod: 'a', container: 'side' },
      { namespace: 'shop', pod: 'a', container: 'side' },
      { namespace: 'shop', pod: 'c' },
    ];
    expect(selectPods({ targets }, 'main', 'all', listed).targets).toMatchObject([
      { pod: 'a', container: 'side', uid: 'uid-a' },
      { pod: 'c', gone: true },
    ]);
  });

  test('counts what who asked does not reach, and does not name it', () => {
    const reach = [{ cluster: 'main', namespace: 'bank' }];
    expect(selectPods({ all: true }, 'main', reach, listed)).toMatchObject({ targets: [{ pod: 'c' }], foreign: 4 });
    expect(selectPods({ all: true }, 'other', reach, listed)).toMatchObject({ targets: [], foreign: 5 });
    expect(selectPods({ targets: [{ namespace: 'shop', pod: 'a' }] }, 'main', reach, listed)).toEqual({ targets: [], foreign: 1 });
  });
});

test('the API server is asked for as little as can be said to it', () => {
  expect(filtersOf({ all: true })).toEqual([{}]);
  expect(filtersOf({ where: { namespace: 'a', labels: 'x=y', node: 'n', image: 'i' } })).toEqual([{ namespace: 'a', labels: 'x=y', node: 'n' }]);
  const targets = ['b', 'a', 'b'].map((namespace) => ({ namespace, pod: 'p' }));
  expect(filtersOf({ targets })).toEqual([{ namespace: 'a' }, { namespace: 'b' }]);
  expect([namespaceOf({ targets }), namespaceOf({ all: true }), namespaceOf({ where: { namespace: 'a' } })]).toEqual(['*', '*', 'a']);
});
