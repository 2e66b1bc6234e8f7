import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import type { Case } from './case.js';
import { corpus } from './group.js';

/** An unprivileged process makes itself root of a user namespace, mounts an overlay of its own and pivots into it. */
function forgery(upper: string, lower: string): string {
  const inside = [
    'mount -t tmpfs tmpfs /opt',
    `mkdir -p ${upper} /opt/lower /opt/work /opt/new`,
    `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=/opt/work,userxattr /opt/new`,
    'cp /bin/busybox /opt/new/busybox',
    'cd /opt/new',
    'mkdir old',
    'pivot_root . old',
    'exec /busybox sleep 100000',
  ];
  return `unshare -U -r -m sh -c '${inside.join(' && ')}' >/dev/null 2>&1 & sleep 1`;
}

/** Processes whose mount table says that their root is the forged one. */
function forgedRoots(upper: string): number {
  const script = `grep -slF "upperdir=${upper}" /proc/[0-9]*/mountinfo || true`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n').filter(Boolean).length;
}

const cases: readonly Case[] = [
  {
    name: 'an upper directory that is one of the node',
    stage: true,
    plant: ({ secret }) => forgery(`${secret}/fs`, '/opt/lower'),
    rows: [],
    check: (seen, { secret }) => {
      expect(forgedRoots(`${secret}/fs`)).toBeGreaterThan(0);
      expect(seen.changes.filter(({ origin }) => origin === 'container')).toEqual([]);
      expect(seen.artifacts.filter(({ kind }) => kind === 'file')).toEqual([]);
    },
  },
  {
    name: 'a root with nothing in it, in a namespace of its own',
    stage: true,
    plant:
      "unshare -U -r -m sh -c 'mount -t tmpfs tmpfs /opt && cp /bin/busybox /opt && cd /opt && mkdir old && pivot_root . old && exec /busybox sleep 100000' >/dev/null 2>&1 & sleep 0.5",
    rows: [],
  },
];

// Nobody in particular, who may do nothing: the kernel still lets it have a user namespace.
const unprivileged = { runAsUser: 65534, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
corpus({ name: 'forged root', shape: { container: { securityContext: unprivileged } }, cases });
