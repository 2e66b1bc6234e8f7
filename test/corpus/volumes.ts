import { expect } from 'vitest';
import { lab } from '../e2e/lab.js';
import { type Case, directory, file, other, type Row, symlink } from './case.js';
import type { PodShape } from './pod.js';

/** The volumes of the pod: two of its own, a directory of the node, and secrets. */
export function volumesShape(node: string, secret: string): PodShape {
  // One for each node: the pods of both are made at once, and of two who make the same object one is refused.
  const secretName = `corpus-${node}`;
  const key = Buffer.from('of-the-cluster-never-by-content').toString('base64');
  return {
    with: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName, namespace: lab.namespace }, data: { key } }],
    volumes: [
      { name: 'disk', emptyDir: {} },
      { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
      { name: 'host', hostPath: { path: `${secret}/data` } },
      { name: 'sec', secret: { secretName } },
    ],
    container: {
      volumeMounts: [
        { name: 'disk', mountPath: '/disk' },
        { name: 'mem', mountPath: '/mem' },
        { name: 'host', mountPath: '/host' },
        { name: 'sec', mountPath: '/sec' },
      ],
    },
  };
}

/** The same directory in a volume; the script goes on there, and the one in the root file system stays empty. */
export function inVolume(mount: string, name: string, plant: string, rows: readonly Row[] | ((secret: string) => readonly Row[])): Case {
  return {
    name: `${mount}: ${name}`,
    plant: `here=${mount}/$(basename "$PWD"); mkdir "$here"; cd "$here"; ${plant}`,
    rows: ({ secret }) => {
      const below = typeof rows === 'function' ? rows(secret) : rows;
      return [directory('added', ''), ...[directory('present', ''), ...below].map((row) => ({ ...row, in: mount }))];
    },
  };
}

export const ours = ['/disk', '/mem', '/dev/shm', '/dev'];

/** What lies in places that no diff of the image shows. */
export const volumes: readonly Case[] = [
  ...ours.map((mount) => inVolume(mount, 'a program', 'echo x > f; chmod 755 f', [file('present', 'f', 'x\n', { mode: '0755' })])),
  ...ours.map((mount) =>
    inVolume(mount, 'links out', 'ln -s /etc/shadow l; ln -s "$SECRET" d', (secret) => [
      symlink('present', 'l', '/etc/shadow'),
      symlink('present', 'd', secret),
    ]),
  ),
  ...ours.map((mount) =>
    inVolume(mount, 'hostile names', "echo 1 > $'new\\nline'; echo 2 > -rf; echo 3 > $'\\377\\376'; mkdir -p .../..foo; echo 4 > .../..foo/f", [
      file('present', 'new\nline', '1\n'),
      file('present', '-rf', '2\n'),
      file('present', Buffer.from([0xff, 0xfe]), '3\n'),
      directory('present', '...'),
      directory('present', '.../..foo'),
      file('present', '.../..foo/f', '4\n'),
    ]),
  ),
  inVolume('/disk', 'kinds that block', 'mkfifo p; hostile socket s >/dev/null 2>&1 & sleep 0.2; truncate -s 10G big', [
    other('present', 'fifo', 'p', '0644'),
    other('present', 'socket', 's', '0755'),
    other('present', 'file', 'big', '0644', { size: 10 * 1024 ** 3, content: 'limit:file-bytes' }),
  ]),
  inVolume('/disk', 'hard links', 'echo x > a; ln a b', [file('present', 'a', 'x\n', { links: 2 }), file('present', 'b', 'x\n', { links: 2 })]),
  inVolume('/disk', 'what looks like a whiteout', 'echo x > .wh.f; echo y > f', [file('present', '.wh.f', 'x\n'), file('present', 'f', 'y\n')]),
  {
    name: 'a directory of the node is listed, and nothing of it taken',
    plant: 'echo x > /host/planted',
    rows: [directory('added', '')],
    check: ({ changes, artifacts, limits }) => {
      const listed = changes.filter(({ place }) => place.kind === 'volume' && place.mountPath === '/host');
      expect(listed.map(({ path }) => path.text)).toContain('planted');
      expect(artifacts.filter(({ source }) => source?.place.kind === 'volume' && source.place.mountPath === '/host')).toEqual([]);
      expect(limits.map(({ subject }) => subject)).toContain('web:/host');
    },
  },
  {
    name: 'a secret is never taken by content',
    plant: 'test -s /sec/key',
    rows: [directory('added', '')],
    check: ({ artifacts }) => {
      expect(artifacts.filter(({ source }) => source?.place.kind === 'volume' && source.place.mountPath === '/sec')).toEqual([]);
    },
  },
];
