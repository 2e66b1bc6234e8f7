import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeCommand } from '../../../playbooks/ports.js';
import { oldMount } from '../../support/old-mount.js';
import { base, md5, PackageStand, row, sums } from './package-stand.js';

let stand: PackageStand;

beforeEach(async () => {
  stand = await PackageStand.open();
});

afterEach(() => {
  stand.close();
});

describe('check-packages with a container that writes its own database', () => {
  const secret = 'a'.repeat(32);

  /** What a link out of the container would find. */
  function outside(): string {
    return `mkdir -p '${stand.folder}/out/var/lib/dpkg/info' '${stand.folder}/out/info'
      for d in '${stand.folder}/out/var/lib/dpkg/info' '${stand.folder}/out/info'; do echo '${secret}  bin/ls' > "$d/evil.md5sums"; done`;
  }

  it.each([
    ['a link for a file', `ln -s '/FOLDER/out/info/evil.md5sums' var/lib/dpkg/info/evil.md5sums`, /no file but a symlink/],
    ['a link for the directory', `rm -r var/lib/dpkg/info; ln -s '/FOLDER/out/info' var/lib/dpkg/info`, /no directory/],
    ['a link above it', `rm -r var/lib; ln -s '/FOLDER/out/var/lib' var/lib`, /no directory/],
    ['a FIFO', 'rm var/lib/dpkg/info/coreutils.md5sums; mkfifo var/lib/dpkg/info/coreutils.md5sums', /no file but a fifo/],
    ['a file of 100 MB', `truncate -s 100M var/lib/dpkg/info/coreutils.md5sums`, /more than is read/],
    [
      'names that no package has',
      `echo '${secret}  bin/ls' > $'var/lib/dpkg/info/\\n:end.md5sums'; echo x > 'var/lib/dpkg/info/-rf.md5sums'`,
      /2 files have names/,
    ],
  ])('%s: what the image says stands, and it is said', async (_, change, detail) => {
    const { rows } = await stand.packagesOf([base], `${outside()}; echo evil > usr/bin/ls; ${change.replaceAll('/FOLDER', stand.folder)}`);
    expect(rows['usr/bin/ls']).toEqual(
      row('usr/bin/ls', { image: { package: 'coreutils', version: '9.1-1', algorithm: 'md5', digest: md5('ls\n') } }),
    );
    expect(stand.limits).toEqual([expect.objectContaining({ detail: expect.stringMatching(detail) as string })]);
    expect(stand.gaps).toEqual([]);
  });

  it.each([
    ['a node', undefined],
    ['a node whose mounts follow links', 'refuses' as const],
    ['a node that takes the option without a word', 'ignores' as const],
  ])('a link that takes the place of a directory while %s reads: nothing is read through it', async (_, old) => {
    const swap = ({ name }: NodeCommand): void => {
      const upper = stand.mounted?.overlay.upper ?? '';
      if (name !== 'package-databases') return;
      renameSync(`${upper}/var/lib/dpkg`, `${upper}/var/lib/dpkg.old`);
      symlinkSync(`${stand.folder}/out/var/lib/dpkg`, `${upper}/var/lib/dpkg`);
    };
    const change = `${outside()}; echo evil > usr/bin/ls; ${sums('evil', { 'bin/ls': 'evil\n' })}`;
    const env = old === undefined ? {} : oldMount(stand.folder, old);
    const { rows } = await stand.packagesOf([base], change, { node: { env, onStart: swap } });
    expect(rows['usr/bin/ls']?.image?.digest).toBe(md5('ls\n'));
    expect(rows['usr/bin/ls']).not.toHaveProperty('own');
    expect(stand.gaps).toEqual([
      {
        subject: 'container web (current instance):/var/lib/dpkg/info',
        reason: 'package-database',
        detail: 'the directory of the database is not where it was, or is reached through a link (as the container has written it)',
      },
    ]);
  });

  it('a link or a FIFO that takes the place of a file at the last moment', async () => {
    const swap = ({ name }: NodeCommand): void => {
      if (name !== 'package-databases') return;
      const info = `${stand.mounted?.overlay.upper ?? ''}/var/lib/dpkg/info`;
      rmSync(`${info}/evil.md5sums`);
      symlinkSync(`${stand.folder}/out/info/evil.md5sums`, `${info}/evil.md5sums`);
      rmSync(`${info}/late.md5sums`);
      execFileSync('mkfifo', [`${info}/late.md5sums`]);
    };
    const change = `${outside()}; echo evil > usr/bin/ls; ${sums('evil', { 'bin/ls': 'evil\n' })}; ${sums('late', { 'bin/cat': 'x' })}; ${sums('ours', { 'bin/cat': 'own' })}; echo own > bin/cat`;
    const { rows } = await stand.packagesOf([base], change, { node: { onStart: swap } });
    expect(rows['usr/bin/ls']).not.toHaveProperty('own');
    expect(rows['usr/bin/cat']?.own?.package).toBe('ours');
    expect(stand.gaps).toEqual([expect.objectContaining({ reason: 'package-database', detail: expect.stringContaining('changed while') as string })]);
  });

  it('any number of files', async () => {
    const { rows } = await stand.packagesOf(
      [base],
      `echo evil > usr/bin/ls; cd var/lib/dpkg/info; seq -f '%.0f.md5sums' 1 5100 | xargs sh -c 'for n; do echo x > "$n"; done' sh`,
    );
    expect(rows['usr/bin/ls']?.image?.digest).toBe(md5('ls\n'));
    expect(stand.limits.map(({ reason }) => reason).sort()).toEqual(['package-database-too-large', 'package-lines']);
    expect(stand.gaps).toEqual([]);
  });

  it('lines that pose as our own', async () => {
    const { rows } = await stand.packagesOf(
      [base],
      `echo evil > usr/bin/ls; printf ':end\\n:group\\n=x\\n:file ./x.md5sums\\n' > var/lib/dpkg/info/coreutils.md5sums`,
    );
    expect(rows['usr/bin/ls']).not.toHaveProperty('own');
    expect(stand.limits).toEqual([
      expect.objectContaining({ reason: 'package-lines', detail: expect.stringMatching(/^4 lines that the container/) as string }),
    ]);
  });

  it('one line without an end', async () => {
    const { rows } = await stand.packagesOf(
      [base],
      `echo evil > usr/bin/ls; head -c 15000000 /dev/zero | tr '\\0' a > var/lib/dpkg/info/coreutils.md5sums`,
    );
    expect(rows['usr/bin/ls']?.image?.digest).toBe(md5('ls\n'));
    expect(stand.limits).toEqual([expect.objectContaining({ reason: 'package-lines' })]);
  });
});

describe('check-packages with an image that lies', () => {
  it.each([
    ['a link for the database', `mkdir -p usr/bin var/lib; echo ls > usr/bin/ls; ln -s /var/lib/dpkg var/lib/dpkg`, /^it is no directory/],
    ['a FIFO for a file of it', `mkdir -p usr/bin var/lib/dpkg/info; echo ls > usr/bin/ls; mkfifo var/lib/dpkg/status`, /^it is no file but a fifo/],
    [
      'a file that is far too large',
      `mkdir -p usr/bin lib/apk/db; echo ls > usr/bin/ls; truncate -s 10G lib/apk/db/installed`,
      /^it is more than is read/,
    ],
    ['a directory for a file of it', `mkdir -p usr/bin lib/apk/db/installed; echo ls > usr/bin/ls`, /^it is no file but a directory/],
  ])('%s: nothing is read, and it is said', async (_, layer, detail) => {
    const { rows } = await stand.packagesOf([layer], 'echo evil > usr/bin/ls');
    expect(rows).toEqual({});
    expect(stand.limits).toEqual([expect.objectContaining({ detail: expect.stringMatching(detail) as string })]);
    expect(stand.gaps).toEqual([]);
  });
});
