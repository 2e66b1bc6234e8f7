import { expect } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Case, Seen, Where } from './case.js';
import { artifactOf, rowsOf } from './compare.js';

const churn = (words: string) => `hostile churn ${words} >/dev/null 2>&1 &`;

/** The contents that were taken of a case's files. */
function takenOf(seen: Seen, where: Where): { artifact: Artifact; bytes: Buffer }[] {
  return rowsOf(seen, where, []).flatMap((change) => {
    const artifact = artifactOf(change, seen);
    return artifact === undefined ? [] : [{ artifact, bytes: seen.content(artifact) }];
  });
}

/** Nothing but the same letter, and as many as there must be. */
function whole(bytes: Buffer, size: number): boolean {
  return bytes.length === size && bytes.every((byte) => byte === bytes[0]);
}

/** Each content that passes as what the file was is one that it had at one time. */
function eachIs(right: (bytes: Buffer) => boolean, evenUnstable = false): NonNullable<Case['check']> {
  return (seen, where) => {
    for (const { artifact, bytes } of takenOf(seen, where)) {
      if (artifact.unstable !== true || evenUnstable) expect(right(bytes), `${artifact.source?.path.text ?? ''}: ${bytes.length} bytes`).toBe(true);
    }
  };
}

const MiB = 1024 * 1024;
const isMine = eachIs((bytes) => bytes.toString() === 'mine\n', true);

/** A directory with a file `f`, swapped all the time for a link to a directory of the node that has such a file as well. */
const swapped = 'mkdir d; echo mine > d/f';

/** Files and directories that never hold still. */
export const moving: readonly Case[] = [
  { name: 'a file that grows', plant: churn('grow f'), rows: 'moving', check: eachIs((bytes) => bytes.every((byte) => byte === 0x67), true) },
  {
    name: 'a file that shrinks: no zeros in its place',
    plant: churn('shrink f'),
    rows: 'moving',
    check: eachIs((bytes) => !bytes.includes(0), true),
  },
  { name: 'a file that is replaced', plant: churn('replace f g'), rows: 'moving', check: eachIs((bytes) => whole(bytes, 1000)) },
  {
    name: 'a file that is written in place, its time set back',
    plant: churn('rewrite f'),
    rows: 'moving',
    check: eachIs((bytes) => whole(bytes, MiB)),
  },
  { name: 'a file that is written through memory', plant: churn('mmap f'), rows: 'moving', check: eachIs((bytes) => whole(bytes, MiB)) },
  { name: 'a file that comes and goes', plant: churn('vanish f'), rows: 'moving', check: eachIs((bytes) => bytes.length === 0) },
  {
    name: 'a file that is a FIFO half of the time',
    plant: churn('fifo f g'),
    rows: 'moving',
    check: eachIs((bytes) => bytes.toString() === 'a file\n'),
  },
  { name: 'a directory swapped for a link to the node', plant: `${swapped}; ${churn('swap d "$SECRET/sub"')}`, rows: 'moving', check: isMine },
  { name: 'a directory swapped for a link to the root', plant: `${swapped}; ${churn('swap d /')}`, rows: 'moving', check: isMine },
  {
    name: 'a directory deep below a swapped one',
    plant: `mkdir -p d/sub/fs; echo mine > d/sub/fs/f; ${churn('swap d "$SECRET"')}`,
    rows: 'moving',
    check: isMine,
  },
  ...['/disk', '/mem', '/dev/shm', '/dev'].map(
    (mount): Case => ({
      name: `${mount}: a directory swapped for a link to the node`,
      plant: `mkdir "${mount}/$(basename "$PWD")"; cd "${mount}/$(basename "$PWD")"; ${swapped}; ${churn('swap d "$SECRET/sub"')}`,
      rows: 'moving',
      check: isMine,
    }),
  ),
  {
    name: '/disk: a file that shrinks',
    plant: `mkdir "/disk/$(basename "$PWD")"; cd "/disk/$(basename "$PWD")"; ${churn('shrink f')}`,
    rows: 'moving',
    check: eachIs((bytes) => !bytes.includes(0), true),
  },
];
