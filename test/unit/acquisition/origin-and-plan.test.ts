import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { originOf } from '../../../playbooks/acquisition/changes/origin.js';
import { planAcquisition } from '../../../playbooks/acquisition/taking/plan.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { limitsSchema } from '../../../playbooks/domain/request.js';

const change = (path: string, more: Partial<Change> = {}): Change => ({
  container: 'web',
  containerId: 'c'.repeat(64),
  place: { kind: 'rootfs' },
  path: pathName(Buffer.from(path)),
  kind: 'added',
  type: 'file',
  mode: '0644',
  size: 10,
  origin: 'container',
  method: 'overlay',
  ...more,
});

describe('originOf', () => {
  it.each([
    ['etc/resolv.conf', { kind: 'added', type: 'file', size: 0 }, 'runtime'],
    ['etc/mtab', { kind: 'added', type: 'symlink' }, 'runtime'],
    ['proc', { kind: 'added', type: 'directory' }, 'runtime'],
    ['cache', { kind: 'added', type: 'directory' }, 'mount'],
    ['srv', { kind: 'added', type: 'directory' }, 'mount'],
  ] as const)('labels the placeholder %s', (path, subject, origin) => {
    expect(originOf(path, subject, ['/cache', '/srv/data'])).toBe(origin);
  });

  it.each([
    ['etc/resolv.conf', { kind: 'added', type: 'file', size: 12 }],
    ['etc/hosts', { kind: 'deleted', type: 'file' }],
    ['etc/hostname', { kind: 'added', type: 'symlink' }],
    ['cache', { kind: 'added', type: 'file', size: 3 }],
    ['cache/x', { kind: 'added', type: 'directory' }],
    ['etc', { kind: 'changed', type: 'directory', mode: '0755' }],
    ['etc/hosts', { kind: 'changed', type: 'file', size: 0 }],
    ['etc/hosts', { kind: 'added', type: 'file', size: 0, mode: '4755' }],
    ['etc/resolv.conf', { kind: 'added', type: 'file', size: 0, mode: '0666' }],
    ['etc/hostname', { kind: 'added', type: 'file', size: 0, mode: '0644', byRoot: false }],
    ['etc/hostname', { kind: 'added', type: 'file', size: 0, mode: '0644', hasAttributes: true }],
    ['etc/mtab', { kind: 'added', type: 'symlink', target: Buffer.from('/etc/shadow') }],
    ['dev', { kind: 'added', type: 'directory', mode: '1777' }],
  ] as const)('does not take %s for a placeholder once the suspect has had a hand in it', (path, subject) => {
    expect(originOf(path, subject, ['/cache'])).toBe('container');
  });
});

describe('planAcquisition', () => {
  const caps = limitsSchema.parse({ fileBytes: 100, files: 3, totalBytes: 150 });

  it('takes executables and scripts first, then configuration, then the rest', () => {
    const { take } = planAcquisition([change('tmp/data'), change('etc/app/a.conf'), change('tmp/x', { mode: '0755' })], caps);
    expect(take.map(({ path }) => path.text)).toEqual(['tmp/x', 'etc/app/a.conf', 'tmp/data']);
  });

  it('names everything that a cap leaves out, with the cap', () => {
    const { take, limits } = planAcquisition(
      [
        change('big', { size: 101 }),
        change('a', { size: 100 }),
        change('b', { size: 60 }),
        ...['c', 'd', 'e'].map((path) => change(path, { size: 1 })),
      ],
      caps,
    );
    expect(take.map(({ path }) => path.text)).toEqual(['c', 'd', 'e']);
    expect(limits.map(({ subject, reason }) => `${subject} ${reason}`)).toEqual(['web:/b files', 'web:/a files', 'web:/big file-bytes']);
  });

  it('names the first of very many, and counts the rest', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => change(`f${index}`, { size: 101 }));
    const { take, limits } = planAcquisition(many, caps);
    expect(take).toEqual([]);
    expect(limits).toHaveLength(201);
    expect(limits.at(-1)).toEqual({
      subject: '4800 more files',
      reason: 'file-bytes',
      detail: '5000 files with 505000 bytes in all were left out by this cap; the listing of changes has them',
    });
  });

  it('loses no file: each is taken, or named or counted by a limit', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 600 });
    fc.assert(
      fc.property(sizes, (all) => {
        const { take, limits } = planAcquisition(
          all.map((size, index) => change(`f${index}`, { size })),
          caps,
        );
        const counted = limits.reduce((sum, { subject }) => sum + Number(/^(\d+) more files$/.exec(subject)?.[1] ?? 1), 0);
        expect(take.length + counted).toBe(all.length);
        expect(take.length).toBeLessThanOrEqual(caps.files);
        expect(take.reduce((sum, { size = 0 }) => sum + size, 0)).toBeLessThanOrEqual(caps.totalBytes);
      }),
    );
  });

  it('takes nothing from places that are only listed', () => {
    expect(planAcquisition([change('f', { listedOnly: true })], caps)).toEqual({ take: [], limits: [] });
  });

  it('never takes links, FIFOs, devices, deleted paths or placeholders', () => {
    const others: Change[] = [
      change('l', { type: 'symlink' }),
      change('p', { type: 'fifo' }),
      change('c', { type: 'char' }),
      change('d', { kind: 'deleted' }),
      change('etc/hosts', { origin: 'runtime', size: 0 }),
    ];
    expect(planAcquisition(others, caps).take).toEqual([]);
  });
});
