import { expect, test } from 'vitest';
import type { Artifact, ArtifactSource } from '../../../playbooks/domain/artifact.js';
import type { PackageFile } from '../../../playbooks/domain/package.js';
import { packageState } from '../../../playbooks/domain/package.js';
import { knownByPackages } from '../../../playbooks/domain/package-known.js';
import { pathName } from '../../../playbooks/domain/path-name.js';

const web = 'a'.repeat(64);
const sidecar = 'b'.repeat(64);
const sha256 = '1'.repeat(64);
const md5 = '2'.repeat(32);

function artifact(path: string, fields: Partial<Artifact> = {}, source: Partial<ArtifactSource> = {}): Artifact {
  return {
    id: path,
    kind: 'file',
    sha256,
    md5,
    size: 10,
    content: 'elf',
    source: { container: 'web', containerId: web, place: { kind: 'rootfs' }, path: pathName(Buffer.from(path)), ...source },
    method: 'node',
    known: false,
    acquiredAt: '2026-01-02T03:04:05.678Z',
    ...fields,
  };
}

function row(path: string, fields: Partial<PackageFile> = {}): PackageFile {
  const image = { package: 'coreutils', version: '9.1-1', algorithm: 'md5', digest: md5 } as const;
  return { container: 'web', containerId: web, path: pathName(Buffer.from(path)), manager: 'dpkg', image, ...fields };
}

test('a file that is what its package says is known, with package, version and how weak that is', () => {
  expect(knownByPackages([artifact('bin/ls')], [row('bin/ls')])).toEqual([{ sha256, manager: 'dpkg', reason: 'coreutils 9.1-1 (md5, weak)' }]);
  const strong = { package: 'bash', algorithm: 'sha256', digest: sha256 } as const;
  expect(knownByPackages([artifact('bin/sh')], [row('bin/sh', { manager: 'rpm', image: strong })])).toEqual([
    { sha256, manager: 'rpm', reason: 'bash (sha256)' },
  ]);
});

test.each<[string, Artifact[], PackageFile[]]>([
  ['the same bytes at a path that no package has', [artifact('bin/ls'), artifact('tmp/ls')], [row('bin/ls')]],
  ['the same path in another container', [artifact('bin/ls', {}, { containerId: sidecar })], [row('bin/ls')]],
  ['another digest', [artifact('bin/ls', { md5: '3'.repeat(32) })], [row('bin/ls')]],
  ['no digest of that kind', [artifactWithout('bin/ls')], [row('bin/ls')]],
  ['only the word of the container itself', [artifact('bin/ls')], [own('bin/ls')]],
  ['a file of a volume', [artifact('bin/ls', {}, { place: { kind: 'volume', volume: 'v', mountPath: '/' } })], [row('bin/ls')]],
  ['a program that runs from elsewhere', [artifact('bin/ls'), running('/dev/shm/ls')], [row('bin/ls')]],
])('%s is not known', (_what, artifacts, files) => {
  expect(knownByPackages(artifacts, files)).toEqual([]);
});

test.each<[string, Partial<PackageFile>, string]>([
  ['edited', { image: conffile('4') }, 'neither what the image nor what the container has'],
  ['as-packaged', { image: conffile('2') }, 'the image’s'],
  ['as-upgraded', { image: conffile('4'), own: conffile('2') }, 'the container’s'],
  ['edited', { image: conffile('4'), own: program('5') }, 'configuration by the image’s word'],
  ['differs', { image: program('4'), own: conffile('5') }, 'configuration by the container’s word alone, against the image’s'],
])('configuration is %s: %o, %s', (state, fields) => {
  const files = { ...row('etc/nginx/nginx.conf'), ...fields };
  expect(packageState(files, artifact('etc/nginx/nginx.conf'))).toBe(state);
});

test('a database that was edited is no upgrade: the version stays, or nothing says that the package is installed', () => {
  const content = { sha256, md5 };
  const said = (digest: string, version?: string, name = 'coreutils') => ({
    package: name,
    algorithm: 'md5' as const,
    digest: digest.repeat(32),
    ...(version === undefined ? {} : { version }),
  });
  const base = own('bin/ls');
  expect(packageState({ ...base, image: said('4', '9.1'), own: said('2', '9.2') }, content)).toBe('as-upgraded');
  expect(packageState({ ...base, image: said('4', '9.1'), own: said('2', '9.1', 'uutils') }, content)).toBe('as-upgraded');
  expect(packageState({ ...base, own: said('2', '9.2') }, content)).toBe('as-upgraded');
  expect(packageState({ ...base, image: said('4', '9.1'), own: said('2', '9.1') }, content)).toBe('differs');
  expect(packageState({ ...base, image: said('4', '9.1'), own: said('2') }, content)).toBe('differs');
  expect(packageState({ ...base, own: said('2') }, content)).toBe('unknown');
});

test('a program that runs from its package’s path is known by the digest that its file has', () => {
  expect(knownByPackages([artifact('bin/ls'), running('/bin/ls')], [row('bin/ls')])).toHaveLength(1);
});

test('names from the image are made safe to print', () => {
  const image = { package: 'evil\x1b[2J', algorithm: 'md5', digest: md5 } as const;
  expect(knownByPackages([artifact('bin/ls')], [row('bin/ls', { image })])[0]?.reason).toBe('evil\\x1b[2J (md5, weak)');
});

function program(digit: string): NonNullable<PackageFile['image']> {
  return { package: 'nginx', algorithm: 'md5', digest: digit.repeat(32) };
}

function conffile(digit: string): NonNullable<PackageFile['image']> {
  return { ...program(digit), conffile: true };
}

function artifactWithout(path: string): Artifact {
  const rest = artifact(path);
  delete rest.md5;
  return rest;
}

function own(path: string): PackageFile {
  const { image, ...rest } = row(path);
  return { ...rest, own: image! };
}

function running(path: string): Artifact {
  return {
    ...artifactWithout(path),
    id: `run ${path}`,
    kind: 'process-executable',
    source: { ...artifact(path).source!, place: { kind: 'process', pid: 7 } },
  };
}
