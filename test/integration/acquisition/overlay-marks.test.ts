import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Change } from '../../../playbooks/domain/change.js';
import { localNode } from '../../support/local-node.js';
import { changesOn, inShort, type RealOverlay, realOverlay } from '../../support/overlay.js';

let mounted: RealOverlay | undefined;

afterEach(() => {
  mounted?.remove();
  mounted = undefined;
});

/** The rows of a container that did `change` to an image of these layers, topmost first. */
async function rowsOf(layers: string[], change: string, options = ''): Promise<ReadonlyMap<string, Change>> {
  mounted = realOverlay(layers, options);
  mounted.inContainer(change);
  const { rows, problems } = await changesOn(mounted);
  expect(problems).toEqual([]);
  return rows;
}

const redirects = ',redirect_dir=on';
const metacopy = ',redirect_dir=on,metacopy=on';
const image = [
  'mkdir -p opt/app/lib; echo x > opt/app/lib/x',
  'mkdir -p opt/app/lib opt/other; echo y > opt/app/y; echo z > opt/app/lib/z; echo o > opt/other/o',
];

describe('a renamed directory of the image (redirect_dir=on)', () => {
  it('is listed as deletions under the old name and additions under the new one', async () => {
    const rows = await rowsOf(image, 'mv opt/app opt/moved', redirects);
    expect(inShort(rows.values())).toEqual([
      'added directory opt/moved from opt/app',
      'added directory opt/moved/lib from opt/app/lib',
      'added file opt/moved/lib/x from opt/app/lib/x',
      'added file opt/moved/lib/z from opt/app/lib/z',
      'added file opt/moved/y from opt/app/y',
      'deleted directory opt/app',
      'deleted directory opt/app/lib',
      'deleted file opt/app/lib/x',
      'deleted file opt/app/lib/z',
      'deleted file opt/app/y',
    ]);
    expect(rows.get('opt/moved/y')).toMatchObject({ size: 2, mode: '0644', modeBefore: '0644' });
  });

  it('is followed into another directory, where the mark is a path from the root', async () => {
    const rows = await rowsOf(image, 'mkdir new; mv opt/app new/app', redirects);
    expect(inShort(rows.values()).filter((row) => row.startsWith('added'))).toEqual([
      'added directory new',
      'added directory new/app from opt/app',
      'added directory new/app/lib from opt/app/lib',
      'added file new/app/lib/x from opt/app/lib/x',
      'added file new/app/lib/z from opt/app/lib/z',
      'added file new/app/y from opt/app/y',
    ]);
  });

  it('is followed within another one, and what was changed, added and deleted below is told from what came along', async () => {
    const rows = await rowsOf(
      image,
      'mv opt/app opt/moved; mv opt/moved/lib opt/moved/lib2; echo more >> opt/moved/lib2/x; rm opt/moved/y; echo n > opt/moved/n; chmod 4755 opt/moved/lib2/z',
      redirects,
    );
    expect(inShort(rows.values()).filter((row) => row.startsWith('added'))).toEqual([
      'added directory opt/moved from opt/app',
      'added directory opt/moved/lib2 from opt/app/lib',
      'added file opt/moved/lib2/x from opt/app/lib/x',
      'added file opt/moved/lib2/z from opt/app/lib/z',
      'added file opt/moved/n',
    ]);
    expect(rows.get('opt/moved/lib2/z')).toMatchObject({ mode: '4755', modeBefore: '0644' });
    expect(rows.has('opt/moved/y')).toBe(false);
    expect(inShort(rows.values()).filter((row) => row.startsWith('deleted'))).toEqual([
      'deleted directory opt/app',
      'deleted directory opt/app/lib',
      'deleted file opt/app/lib/x',
      'deleted file opt/app/lib/z',
      'deleted file opt/app/y',
    ]);
  });

  it('that takes the place of another is told from what was there', async () => {
    const rows = await rowsOf(['mkdir -p a b; echo a1 > a/same; echo a > a/a; echo b1 > b/same; echo b > b/b'], 'rm -r b; mv a b; rm b/a', redirects);
    expect(inShort(rows.values())).toEqual([
      'changed directory b from a',
      'changed file b/same from a/same',
      'deleted directory a',
      'deleted file a/a',
      'deleted file a/same',
      'deleted file b/b',
    ]);
  });

  it('keeps hostile names', async () => {
    const rows = await rowsOf(["mkdir $'a\\nb'; echo x > $'a\\nb/-rf'; echo y > $'a\\nb/\\xff'"], "mv $'a\\nb' $'c\\n:end'", redirects);
    expect(inShort(rows.values()).filter((row) => row.startsWith('added'))).toEqual([
      String.raw`added directory c\x0a:end from a\x0ab`,
      String.raw`added file c\x0a:end/-rf from a\x0ab/-rf`,
      String.raw`added file c\x0a:end/\xff from a\x0ab/\xff`,
    ]);
  });

  it('is a problem where the merged mount is gone', async () => {
    mounted = realOverlay(image, redirects);
    mounted.inContainer('mv opt/app opt/moved; echo n > opt/moved/n');
    const { upper, lowers, metacopy, redirects: renames, userxattr } = mounted.overlay;
    const overlay = { upper, lowers, metacopy, redirects: renames, userxattr };
    const { rows, problems } = await changesOn(mounted, { overlay, state: 'ended' });
    expect(problems.map(({ path, reason }) => `${reason} ${path?.toString() ?? ''}`)).toEqual(['redirected-directory opt/moved']);
    expect(inShort(rows.values()).filter((row) => row.startsWith('added'))).toEqual([
      'added directory opt/moved from opt/app',
      'added file opt/moved/n',
    ]);
  });
});

describe('a file of which only metadata were copied up (metacopy=on)', () => {
  it('says so, and a file with new content does not', async () => {
    const rows = await rowsOf(['head -c 200000 /dev/urandom > big; echo s > small'], 'chmod 600 big; echo s >> small', metacopy);
    expect(rows.get('big')).toMatchObject({ kind: 'changed', metadataOnly: true, size: 200_000, mode: '0600', modeBefore: '0644' });
    // The block that ext4 keeps the attributes in.
    expect(rows.get('big')?.allocated).toBeLessThanOrEqual(4_096);
    expect(rows.get('small')).not.toHaveProperty('metadataOnly');
  });

  it('is followed when it is renamed', async () => {
    const rows = await rowsOf(['mkdir d; head -c 200000 /dev/urandom > d/big'], 'mv d/big moved', metacopy);
    expect(inShort(rows.values())).toEqual(['added file moved from d/big', 'deleted file d/big']);
    expect(rows.get('moved')).toMatchObject({ metadataOnly: true, size: 200_000 });
  });
});

describe('whiteouts as extended attributes (Linux 6.7)', () => {
  const base = 'mkdir d; echo 1 > d/f; echo 2 > d/g';

  it.each([
    ['with the mark of their directory', 'mark d trusted.overlay.opaque x'],
    ['without it', 'true'],
  ])('of a layer hide what is below, as the kernel has it, %s', async (_, more) => {
    const layer = `mkdir d; touch d/f; mark d/f trusted.overlay.whiteout y; ${more}`;
    expect(inShort((await rowsOf([layer, base], '[ ! -e d/f ]; echo new > d/f; echo new > d/g')).values())).toEqual([
      'added file d/f',
      'changed file d/g',
    ]);
  });

  it('are empty: a file with bytes and the mark is a file, as the kernel has it', async () => {
    const layer = 'mkdir d; echo 3 > d/f; mark d/f trusted.overlay.whiteout y';
    expect(inShort((await rowsOf([layer, base], '[ "$(cat d/f)" = 3 ]; echo new > d/f')).values())).toEqual(['changed file d/f']);
  });
});

describe('opaque directories', () => {
  it('of a layer hide what the layers below have', async () => {
    const layers = ['mkdir d; mark d trusted.overlay.opaque y', 'mkdir d; echo 1 > d/f; echo 2 > d/g'];
    expect(inShort((await rowsOf(layers, 'echo new > d/f')).values())).toEqual(['added file d/f']);
  });

  it('made in each other are listed once', async () => {
    const rows = await rowsOf(['mkdir -p a/b/c; touch a/b/c/f a/g'], 'rm -r a; mkdir a; mkdir a/b; mkdir a/b/c; touch a/b/c/n');
    expect(inShort(rows.values())).toEqual(['added file a/b/c/n', 'deleted file a/b/c/f', 'deleted file a/g']);
  });

  it('in an overlay with userxattr are marked by user.overlay, and by nothing else', async () => {
    const top = 'mkdir e; mark e trusted.overlay.opaque y';
    const rows = await rowsOf([top, 'mkdir d e; echo 1 > d/f; echo 2 > e/f'], 'rm -r d; mkdir d; echo n > e/f', ',userxattr');
    expect(inShort(rows.values())).toEqual(['changed file e/f', 'deleted file d/f']);
  });
});

describe('file capabilities', () => {
  it('gained, changed, lost and kept are told', async () => {
    const rows = await rowsOf(
      ['touch had kept lost plain; setcap cap_net_raw=ep had; setcap cap_chown=p kept; setcap cap_chown=p lost; mkdir d'],
      'setcap cap_net_raw,cap_net_admin=ep had; echo x >> plain; setcap -r lost; cp plain d/new; setcap cap_sys_admin=ep d/new; chmod 700 kept; touch d/none',
    );
    const capabilities = Object.fromEntries([...rows].map(([path, row]) => [path, [row.capabilities, row.capabilitiesBefore]]));
    expect(capabilities).toEqual({
      had: ['cap_net_admin,cap_net_raw=ep', 'cap_net_raw=ep'],
      kept: ['cap_chown=p', undefined],
      lost: [undefined, 'cap_chown=p'],
      plain: [undefined, undefined],
      'd/new': ['cap_sys_admin=ep', undefined],
      'd/none': [undefined, undefined],
    });
  });

  it('of what a renamed directory brought along are told, and are not new', async () => {
    const rows = await rowsOf(['mkdir bin; touch bin/ping; setcap cap_net_raw=ep bin/ping'], 'mv bin sbin', redirects);
    expect(rows.get('sbin/ping')).toMatchObject({ capabilities: 'cap_net_raw=ep' });
    expect(rows.get('sbin/ping')).not.toHaveProperty('capabilitiesBefore');
  });

  it.each([
    ['a directory', 'mkdir program', 'rmdir program'],
    ['a FIFO', 'mkfifo program', 'rm program'],
    ['a link', 'ln -s /etc/hostname program', 'rm program'],
    ['a FIFO that stays', 'mkfifo program', 'rm aside; exit'],
  ])('are not taken for none where %s stands in the place of the file while it is read', async (_what, put, away) => {
    mounted = realOverlay(['mkdir a'], '');
    mounted.inContainer('echo x > program; setcap cap_net_raw=ep program; echo y > other; setcap cap_kill=ep other');
    const { folder, overlay } = mounted;
    // The suspect is on time: what stands for cp is him, and then cp itself.
    writeFileSync(
      join(folder, 'cp'),
      `#!/bin/sh\n(cd "${overlay.merged}"; [ -e aside ] || { mv program aside; ${put}; })\n/bin/cp "$@"\nstatus=$?\n(cd "${overlay.merged}"; ${away}; mv aside program)\nexit $status\n`,
      { mode: 0o755 },
    );
    const session = localNode({ env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } });
    const { rows, problems } = await changesOn(mounted, {}, 100, session);
    expect(rows.get('other')).toMatchObject({ capabilities: 'cap_kill=ep' });
    expect(rows.get('program')).not.toHaveProperty('capabilities');
    expect(problems).toEqual([
      { path: Buffer.from('program'), reason: 'attributes', detail: 'the extended attributes of the file could not be read' },
    ]);
  });

  it('are found beside user attributes, under hostile names and deep down', async () => {
    const rows = await rowsOf(
      ['mkdir d'],
      'cd d; for i in $(seq 100); do mkdir x; cd x; done; n=$\'\\n:end\\xff\'; touch "$n"; mark "$n" user.note y; setcap cap_kill=ep "$n"',
    );
    expect([...rows.values()].filter(({ capabilities }) => capabilities === 'cap_kill=ep')).toHaveLength(1);
  });
});
