import { createHash } from 'node:crypto';
import { appendFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PackageFile } from '../../../playbooks/domain/package.js';
import type { NodeCommand } from '../../../playbooks/ports.js';
import { oldMount } from '../../support/old-mount.js';
import { rpmFixture } from '../../support/rpm-fixture.js';
import { PackageStand, row } from './package-stand.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let stand: PackageStand;

beforeEach(async () => {
  stand = await PackageStand.open();
  for (const name of ['rpmdb', 'upgraded'] as const) writeFileSync(join(stand.folder, name), rpmFixture(name));
});

afterEach(() => {
  stand.close();
});

const directory = 'usr/lib/sysimage/rpm';

/** Shell that puts a database where rpm has it. */
const databaseIs = (name: 'rpmdb' | 'upgraded', where = directory): string =>
  `mkdir -p ${where}; cp '${stand.folder}/${name}' ${where}/rpmdb.sqlite; : > ${where}/rpmdb.sqlite-wal; : > ${where}/rpmdb.sqlite-shm`;

/** An image with the packages of the database, as far as they matter here. */
const image = (where = directory): string =>
  `mkdir -p usr/bin etc/tool var/lib; echo tool 1 > usr/bin/tool; echo conf 1 > etc/tool/tool.conf; echo old > usr/bin/old; ln -s usr/bin bin; ${databaseIs('rpmdb', where)}`;

const evil = 'for f in usr/bin/tool etc/tool/tool.conf usr/bin/old usr/bin/new; do echo evil > $f; done';
const tool = { package: 'tool', version: '4:1-3', algorithm: 'sha256', digest: sha256('tool 1\n') } as const;
const conf = { ...tool, digest: sha256('conf 1\n'), conffile: true } as const;
const rpmRow = (path: string, more: Partial<PackageFile>): PackageFile => row(path, { manager: 'rpm', ...more });

describe('check-packages with rpm', () => {
  it.each([directory, 'var/lib/rpm'])('says of changed files what the image’s packages have: %s', async (where) => {
    const { rows, fact } = await stand.packagesOf([image(where)], evil);
    expect(rows).toEqual({
      'etc/tool/tool.conf': rpmRow('etc/tool/tool.conf', { image: conf }),
      'usr/bin/old': rpmRow('usr/bin/old', {
        image: { package: 'old', version: '1-3', algorithm: 'md5', digest: createHash('md5').update('old\n').digest('hex') },
      }),
      'usr/bin/tool': rpmRow('usr/bin/tool', { image: tool }),
    });
    expect(fact).toMatchObject({ count: 3, managers: ['rpm'] });
    expect([stand.gaps, stand.limits]).toEqual([[], []]);
  });

  it('believes the topmost layer, and reads a database that a link leads to once', async () => {
    const { rows } = await stand.packagesOf(
      [`${databaseIs('upgraded')}; mkdir -p var/lib; ln -s ../../${directory} var/lib/rpm`, image()],
      'echo evil > usr/bin/tool',
    );
    expect(rows['usr/bin/tool']?.image).toEqual({ ...tool, version: '4:2-3', digest: sha256('tool 2\n') });
    expect([stand.gaps, stand.limits]).toEqual([[], []]);
  });

  it('tells what an upgrade in the container wrote from what the image says', async () => {
    const { rows } = await stand.packagesOf([image()], `${evil}; ${databaseIs('upgraded')}`);
    expect(rows['usr/bin/tool']).toEqual(rpmRow('usr/bin/tool', { image: tool, own: { ...tool, version: '4:2-3', digest: sha256('tool 2\n') } }));
    expect(rows['usr/bin/old']).not.toHaveProperty('own');
    expect([stand.gaps, stand.limits]).toEqual([[], []]);
  });

  it('asks for no database where no file was changed', async () => {
    const commands: string[] = [];
    await stand.packagesOf([image()], 'mkdir new', { node: { onStart: ({ name }) => commands.push(name) } });
    expect(commands).not.toContain('rpm-database');
  });

  it.each([
    ['the image', true, 'echo x'],
    ['the container', false, 'echo x'],
    ['the container, in a journal', false, 'mv usr/lib/sysimage/rpm/rpmdb.sqlite-wal usr/lib/sysimage/rpm/rpmdb.sqlite-journal; echo x'],
  ])('does not read a database with changes beside it: of %s', async (_, isImage, write) => {
    const target = write.includes('journal') ? 'journal' : 'wal';
    const unsettled = `${write} > ${directory}/rpmdb.sqlite-${target}`;
    const change = `${evil}; ${databaseIs('upgraded')}`;
    const { rows } = await stand.packagesOf(
      [isImage ? `${image()}; ${unsettled}` : image()],
      isImage ? `echo evil > usr/bin/tool; cp '${stand.folder}/upgraded' ${directory}/rpmdb.sqlite` : `${change}; ${unsettled}`,
    );
    if (isImage) expect(rows).toEqual({});
    else expect(rows['usr/bin/tool']).toEqual(rpmRow('usr/bin/tool', { image: tool }));
    expect(stand.limits).toEqual([
      expect.objectContaining({
        subject: `container web (current instance):/${directory}/rpmdb.sqlite-${target}`,
        reason: 'package-database-unreadable',
      }),
    ]);
  });

  it.each<[string, string, string]>([
    ['what is no database', `echo junk > ${directory}/rpmdb.sqlite`, 'does not begin as SQLite'],
    ['half of one', `truncate -s 100000 ${directory}/rpmdb.sqlite`, 'its end is missing'],
    ['one whose pages are all alike', `yes | head -c 200000 | dd of=${directory}/rpmdb.sqlite bs=4096 seek=1 conv=notrunc`, 'damaged'],
  ])('stands with what the image says when the container wrote %s, and has a gap', async (_, change, detail) => {
    const { rows } = await stand.packagesOf([image()], `echo evil > usr/bin/tool; ${change}`);
    expect(rows).toEqual({ 'usr/bin/tool': rpmRow('usr/bin/tool', { image: tool }) });
    expect(stand.gaps).toEqual([
      {
        subject: `container web (current instance):/${directory}`,
        reason: 'package-database',
        detail: expect.stringMatching(`${detail}.*\\(as the container has written it\\)`) as string,
      },
    ]);
  });

  it('does not read a database that is far too large, or a FIFO', async () => {
    const { rows } = await stand.packagesOf(
      [image()],
      `echo evil > usr/bin/tool; truncate -s 193M ${directory}/rpmdb.sqlite; mkdir var/lib/rpm; mkfifo var/lib/rpm/rpmdb.sqlite`,
    );
    expect(rows['usr/bin/tool']).not.toHaveProperty('own');
    expect(stand.limits.map(({ reason, detail }) => `${reason}: ${detail}`).sort()).toEqual([
      'package-database-too-large: it is more than is read of a package database',
      'package-database-unreadable: it is no file but a fifo',
    ]);
    expect(stand.gaps).toEqual([]);
  });
});

describe('check-packages with a database of rpm that changes while it is asked for', () => {
  const paths = (): { upper: string; own: string } => {
    const upper = stand.mounted?.overlay.upper ?? '';
    return { upper, own: `${upper}/${directory}` };
  };

  /** Runs something before the command that reads the container's own database. */
  function beforeOwn(act: () => void): (command: NodeCommand) => void {
    return ({ name, argv }) => {
      if (name === 'rpm-database' && argv.includes(paths().upper)) act();
    };
  }

  it.each([
    ['a node', undefined],
    ['a node that takes nosymfollow without a word', 'ignores' as const],
  ])('a link that takes its place on %s leads nowhere', async (_, old) => {
    const outside = join(stand.folder, 'out');
    const env = old === undefined ? {} : oldMount(stand.folder, old);
    for (const part of ['directory', 'file'] as const) {
      const swap = beforeOwn(() => {
        const at = part === 'directory' ? paths().own : `${paths().own}/rpmdb.sqlite`;
        renameSync(at, `${at}.old`);
        symlinkSync(part === 'directory' ? outside : `${outside}/rpmdb.sqlite`, at);
      });
      const change = `mkdir -p '${outside}'; cp '${stand.folder}/upgraded' '${outside}/rpmdb.sqlite'; ${evil}; ${databaseIs('upgraded')}`;
      const { rows } = await stand.packagesOf([image()], change, { node: { env, onStart: swap } });
      expect(rows['usr/bin/tool']).toEqual(rpmRow('usr/bin/tool', { image: tool }));
      expect(stand.gaps.splice(0)).toEqual([
        expect.objectContaining({ detail: 'the database is not where it was, or is reached through a link (as the container has written it)' }),
      ]);
      stand.mounted?.remove();
      stand.mounted = undefined;
    }
  });

  it('a file that grows beyond what is read is given up', async () => {
    const grow = beforeOwn(() => appendFileSync(`${paths().own}/rpmdb.sqlite`, Buffer.alloc(200 * 1024 * 1024)));
    const { rows } = await stand.packagesOf([image()], `${evil}; ${databaseIs('upgraded')}`, { node: { onStart: grow } });
    expect(rows['usr/bin/tool']).toEqual(rpmRow('usr/bin/tool', { image: tool }));
    expect(stand.gaps).toEqual([expect.objectContaining({ reason: 'package-database' })]);
  });
});
