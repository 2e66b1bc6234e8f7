import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { Comparison, type FleetPod } from '../../../playbooks/fleet/compare.js';
import type { PodFile } from '../../../playbooks/fleet/pod-files.js';
import { type FleetReport, type FleetRow, fleetReportSchema } from '../../../playbooks/fleet/report.js';
import type { BatchTarget } from '../../../playbooks/fleet/target.js';

const owner = { kind: 'Deployment', name: 'web' };
const file = (path: string, content: string, level: PodFile['level'] = 'none'): PodFile => ({
  container: 'c',
  place: 'rootfs',
  path: pathName(Buffer.from(path)),
  sha256: sha256Hex(content),
  size: 1,
  level,
});

function pod(
  number: number,
  files: readonly PodFile[],
  change: Partial<Omit<FleetPod, 'target'>> & { target?: Partial<BatchTarget> } = {},
): FleetPod {
  const { target, ...rest } = change;
  const whole = { namespace: 'shop', pod: `web-${number}`, uid: `u-${number}`, owner, images: ['i'], ...target };
  return { number, target: whole, state: 'completed', run: `r${number}`, verdict: 'no-findings', files, ...rest };
}

function reportOf(pods: readonly FleetPod[]): FleetReport {
  const comparison = new Comparison(pods.map(({ target }) => target));
  for (const each of pods) comparison.add(each);
  return fleetReportSchema.parse(comparison.report(`b${'0'.repeat(19)}`, '2026-01-01T00:00:00.000Z'));
}

const brief = ({ artifacts }: FleetReport): unknown[] => artifacts.map(({ rarity, path, found, pods }: FleetRow) => [rarity, path.text, found, pods]);

describe('what replicas have', () => {
  test('a file that one has is an outlier, one that most have is common, one that differs everywhere varies', () => {
    const pods = [0, 1, 2, 3, 4].map((n) =>
      pod(n, [file('etc/conf', 'same'), file('var/id', `own ${n}`), ...(n === 3 ? [file('tmp/x', 'evil')] : [])]),
    );
    expect(brief(reportOf(pods))).toEqual([
      ['outlier', 'tmp/x', 1, [3]],
      ...[0, 1, 2, 3, 4].map((n) => ['varies', 'var/id', 1, [n]]).sort(bySha(pods)),
      ['common', 'etc/conf', 5, [0, 1, 2, 3, 4]],
    ]);
  });

  test('one that has other content than all others under the same name is an outlier', () => {
    const pods = [0, 1, 2, 3].map((n) => pod(n, [file('etc/conf', n === 2 ? 'evil' : 'same')]));
    expect(brief(reportOf(pods))).toEqual([
      ['outlier', 'etc/conf', 1, [2]],
      ['common', 'etc/conf', 3, [0, 1, 3]],
    ]);
  });

  test('what is known to be bad comes before what is rare, among outliers', () => {
    const bad = [0, 1].map((n) => pod(n, [file('tmp/bad', 'bad', 'malicious')]));
    const rest = [2, 3, 4, 5].map((n) => pod(n, n === 2 ? [file('tmp/a', 'a')] : []));
    expect(brief(reportOf([...bad, ...rest]))).toEqual([
      ['outlier', 'tmp/bad', 2, [0, 1]],
      ['outlier', 'tmp/a', 1, [2]],
    ]);
  });

  test('a pod without replicas is compared with nobody', () => {
    const pods = [pod(0, [file('tmp/x', 'x')]), pod(1, [file('tmp/x', 'x')], { target: { owner: { kind: 'Deployment', name: 'other' } } })];
    expect(reportOf(pods).artifacts.map(({ rarity, elsewhere }) => [rarity, elsewhere])).toEqual([
      ['alone', 1],
      ['alone', 1],
    ]);
  });

  test('pods of nobody are alike if they run the same images in the same namespace', () => {
    const loose = (number: number, namespace: string, images: string[]): FleetPod => {
      const { target, ...rest } = pod(number, []);
      const { pod: name, uid = '' } = target;
      return { ...rest, target: { namespace, pod: name, uid, images } };
    };
    const { groups } = reportOf([loose(0, 'a', ['x', 'y']), loose(1, 'a', ['x', 'y']), loose(2, 'b', ['x', 'y']), loose(3, 'a', ['x'])]);
    expect(groups.map(({ namespace, images, pods }) => [namespace, images, pods])).toEqual([
      ['a', ['x', 'y'], 2],
      ['b', ['x', 'y'], 1],
      ['a', ['x'], 1],
    ]);
  });

  test('pods that were not examined do not make a file of others rare, and are named', () => {
    const broken = { unknown: { what: 'not-examined' as const, reason: 'node-unreachable' }, state: 'failed' as const };
    const pods = [pod(0, [file('a', 'a')]), pod(1, [file('a', 'a')]), ...[2, 3, 4, 5].map((n) => pod(n, [], broken))];
    const report = reportOf(pods);
    expect(brief(report)).toEqual([['common', 'a', 2, [0, 1]]]);
    expect(report.groups[0]).toMatchObject({ pods: 6, examined: 2 });
    expect(report.unknown).toEqual([2, 3, 4, 5].map((number) => ({ number, what: 'not-examined', reason: 'node-unreachable' })));
  });
});

/** Rows that are equal otherwise stand in the order of their hashes. */
function bySha(pods: readonly FleetPod[]): (a: unknown[], b: unknown[]) => number {
  const shaOf = (row: unknown[]): string => pods[(row[3] as number[])[0] ?? 0]?.files[1]?.sha256 ?? '';
  return (a, b) => (shaOf(a) < shaOf(b) ? -1 : 1);
}

test('whatever pods have, each file of each pod is in exactly one row of its own name and content, and outliers come first', () => {
  const files = fc.array(fc.tuple(fc.uint8Array({ maxLength: 3 }), fc.constantFrom('x', 'y', 'z')), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(files, { minLength: 1, maxLength: 12 }), (all) => {
      const pods = all.map((each, number) =>
        pod(
          number,
          each.map(([path, content]) => ({ ...file('', content), path: pathName(path) })),
        ),
      );
      const { artifacts } = reportOf(pods);
      const rows = new Map(artifacts.map((row) => [`${row.path.b64} ${row.sha256}`, row]));
      expect(rows.size).toBe(artifacts.length);
      for (const { number, files: own } of pods)
        for (const { path, sha256 } of own) expect(rows.get(`${path.b64} ${sha256}`)?.pods).toContain(number);
      expect(artifacts.reduce((sum, { found }) => sum + found, 0)).toBe(
        pods.reduce((sum, { files: own }) => sum + new Set(own.map(({ path, sha256 }) => `${path.b64} ${sha256}`)).size, 0),
      );
      const firstOther = artifacts.findIndex(({ rarity }) => rarity !== 'outlier');
      expect(artifacts.slice(firstOther === -1 ? artifacts.length : firstOther).every(({ rarity }) => rarity !== 'outlier')).toBe(true);
      if (pods.length > 1) for (const { rarity, found } of artifacts) if (found * 2 > pods.length) expect(rarity).toBe('common');
    }),
  );
});
