import { expect } from 'vitest';
import type { Change } from '../../playbooks/domain/change.js';
import { type Case, directory, file, other } from './case.js';
import { corpus } from './group.js';

const capability = '0100000200200000000000000000000000000000';

/** What only a pod can do that may do everything to its own container. */
const privileged: readonly Case[] = [
  {
    name: 'a placeholder of the runtime, written into',
    plant: 'umount /etc/resolv.conf; echo evil > /etc/resolv.conf',
    atRoot: ['etc/resolv.conf'],
    rows: [directory('added', ''), file('added', 'etc/resolv.conf', 'evil\n', {})],
    check: ({ changes }) => {
      expect(changes.find(({ path }) => path.text === 'etc/resolv.conf')?.origin).toBe('container');
    },
  },
  {
    name: 'placeholders of the runtime that nobody touched are listed as such',
    plant: ':',
    rows: [],
    check: ({ changes }) => {
      expect(changes.find(({ path }) => path.text === 'etc/hosts')?.origin).toBe('runtime');
    },
  },
  {
    name: 'a placeholder of the runtime, replaced by a directory with a file',
    plant: 'umount /etc/hostname; rm /etc/hostname; mkdir /etc/hostname; echo evil > /etc/hostname/f',
    atRoot: ['etc/hostname'],
    rows: [directory('added', ''), directory('added', 'etc/hostname'), file('added', 'etc/hostname/f', 'evil\n')],
  },
  {
    name: 'a file system in memory over a directory: what is under it, and what is in it',
    plant: 'mkdir t; echo under > t/f; mount -t tmpfs tmpfs t; echo over > t/f',
    rows: [directory('added', 't'), file('added', 't/f', 'under\n')],
    check: (seen, { dir }) => {
      const over = seen.changes.filter(({ place }) => place.kind === 'volume' && place.mountPath === `/${dir}/t`);
      expect(over.map(({ path, kind }) => `${kind} ${path.text}`)).toEqual(['present f']);
    },
  },
  {
    name: 'a directory of the node, mounted once more elsewhere: nothing of it is taken',
    plant: 'mkdir m; mount --bind /host m; test -e m/f',
    rows: [directory('added', 'm')],
    check: ({ changes, artifacts }, { dir }) => {
      const inside = ({ place }: Pick<Change, 'place'>) => place.kind === 'volume' && ['/host', `/${dir}/m`].includes(place.mountPath);
      expect(changes.filter(inside).filter(({ kind }) => kind !== 'present')).toEqual([]);
      expect(artifacts.filter(({ source }) => source !== undefined && inside(source))).toEqual([]);
    },
  },
  {
    name: 'forged trusted.overlay.opaque, which overlayfs keeps apart from its own',
    stage: true,
    plant: 'hostile xattr folder trusted.overlay.opaque 79 || true',
    rows: [],
  },
  { name: 'block device', plant: 'mknod -m 600 disk b 7 99', rows: [other('added', 'block', 'disk', '0600')] },
  {
    name: 'a device that looks like a whiteout, over a file of the image',
    stage: true,
    plant: 'rm file; mknod -m 000 file c 1 3',
    rows: [other('changed', 'char', 'file', '0000', { typeBefore: 'file' })],
  },
  {
    name: 'capabilities gained by a file of the image',
    stage: true,
    plant: `hostile xattr program security.capability ${capability}`,
    rows: [file('changed', 'program', '#!/bin/sh\nexit 0\n', { mode: '0755', capabilities: 'cap_net_raw=ep' })],
  },
];

// Capabilities enough to mount, unmount and make devices. (The lab's API server refuses `privileged: true`.)
corpus({
  name: 'privileged',
  cases: privileged,
  shape: (_, secret) => ({
    volumes: [{ name: 'host', hostPath: { path: `${secret}/data` } }],
    container: {
      volumeMounts: [{ name: 'host', mountPath: '/host' }],
      securityContext: { capabilities: { add: ['SYS_ADMIN', 'MKNOD', 'SETFCAP'] } },
    },
  }),
});
