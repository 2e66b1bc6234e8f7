import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { localNode } from '../../support/local-node.js';
import { oldMount } from '../../support/old-mount.js';
import { changesOn, inShort, type RealOverlay, realOverlay } from '../../support/overlay.js';

let mounted: RealOverlay | undefined;

afterEach(() => {
  mounted?.remove();
  mounted = undefined;
});

describe('a row', () => {
  it('says what it was when its type is another now', async () => {
    mounted = realOverlay(['mkdir d; echo f > f; ln -s f s; mkfifo p']);
    mounted.inContainer('rmdir d; echo x > d; rm f; mkdir f; rm s; cp /bin/true s; rm p; ln -s /etc/shadow p');
    const { rows } = await changesOn(mounted);
    expect([...rows.values()].map(({ path, typeBefore, type }) => `${path.text}: ${typeBefore} to ${type}`).sort()).toEqual([
      'd: directory to file',
      'f: file to directory',
      'p: fifo to symlink',
      's: symlink to file',
    ]);
  });

  it('has the size to the byte, what it takes on disk, its links and its target', async () => {
    mounted = realOverlay(['mkdir d']);
    mounted.inContainer('truncate -s 1T sparse; printf 12345 > a; ln a b; ln a c; ln -s "../../etc/shadow" link; chmod 6755 b');
    const { rows } = await changesOn(mounted);
    expect(rows.get('sparse')).toMatchObject({ size: 1024 ** 4, allocated: 0 });
    expect(rows.get('a')).toMatchObject({ size: 5, links: 3, mode: '6755' });
    expect(rows.get('b')?.inode).toBe(rows.get('c')?.inode);
    expect(rows.get('link')?.target?.text).toBe('../../etc/shadow');
  });

  it('is one even if size and time are the image’s, and if only the time is another', async () => {
    mounted = realOverlay(['echo old > a; echo same > b; touch -d @1600000000 a b']);
    mounted.inContainer('printf "new\\n" > a; touch -d @1600000000 a; touch b');
    const { rows } = await changesOn(mounted);
    expect(inShort(rows.values())).toEqual(['changed file a', 'changed file b']);
    expect(rows.get('a')).toMatchObject({ mtime: '2020-09-13T12:26:40.000Z', mtimeBefore: '2020-09-13T12:26:40.000Z', sizeBefore: 4 });
    expect(Date.parse(rows.get('a')?.ctime ?? '')).toBeGreaterThan(1_700_000_000_000);
  });

  it('has size and time of the image’s file, of the topmost layer that has it, and of nothing else', async () => {
    mounted = realOverlay(['echo second > a; touch -d @1600000000.25 a', 'echo first > a; echo x > gone; touch -d @1500000000 gone; mkdir d']);
    mounted.inContainer('echo the third >> a; touch -d @1600000000.25 a; rm gone; chmod 700 d; echo n > new');
    const { rows } = await changesOn(mounted);
    expect(rows.get('a')).toMatchObject({ size: 17, sizeBefore: 7, mtime: '2020-09-13T12:26:40.250Z', mtimeBefore: '2020-09-13T12:26:40.250Z' });
    expect(rows.get('gone')).toMatchObject({ kind: 'deleted', sizeBefore: 2, mtimeBefore: '2017-07-14T02:40:00.000Z' });
    for (const path of ['d', 'new']) expect(rows.get(path)).not.toHaveProperty('sizeBefore');
  });

  it('has owners as the container sees them, and the node’s beside them', async () => {
    mounted = realOverlay(['mkdir etc kept; echo x > etc/f; chown 33:33 etc/f']);
    mounted.inContainer(
      'chown 2352414753:2352414753 etc/f; echo n > new; chown 2352414720:2352414821 new; ln -s /proc/mounts etc/mtab; chown 2352414720:2352414720 etc kept; touch kept/x',
    );
    const idMaps = { uids: [{ container: 0, node: 2352414720, size: 65536 }], gids: [{ container: 0, node: 2352414720, size: 65536 }] };
    const { rows } = await changesOn(mounted, { idMaps });
    expect(rows.get('etc/f')).toMatchObject({ uid: 33, gid: 33, nodeUid: 2352414753, nodeGid: 2352414753 });
    expect(rows.get('new')).toMatchObject({ uid: 0, gid: 101, nodeUid: 2352414720, nodeGid: 2352414821 });
    expect(rows.get('etc/mtab')).toMatchObject({ uid: 65534, nodeUid: 0, origin: 'runtime' });
    expect([rows.has('etc'), rows.has('kept')]).toEqual([false, false]);
  });

  it('names the instance only where it is not the current one', async () => {
    mounted = realOverlay(['mkdir d']);
    mounted.inContainer('touch f');
    expect((await changesOn(mounted)).rows.get('f')).not.toHaveProperty('instance');
    expect((await changesOn(mounted, { instance: 'previous' })).rows.get('f')).toMatchObject({ instance: 'previous' });
  });

  it('is labelled where the runtimes made it, and the suspect’s own once written into', async () => {
    mounted = realOverlay(['mkdir bin srv']);
    mounted.inContainer(
      'mkdir dev proc sys etc run srv/data; touch etc/hosts etc/hostname etc/resolv.conf run/.containerenv; ln -s /proc/mounts etc/mtab; echo "nameserver 6.6.6.6" > etc/resolv.conf; chmod 777 srv',
    );
    const { rows } = await changesOn(mounted, { mountPaths: ['/srv/data'] });
    const suspect = [...rows.values()].filter(({ origin }) => origin === 'container').map(({ path }) => path.text);
    expect(suspect.sort()).toEqual(['etc/resolv.conf', 'srv']);
    expect(rows.get('srv/data')?.origin).toBe('mount');
  });
});

describe('a node without nosymfollow', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podtriage-old-'));
  const image = ['mkdir d e; echo 1 > d/f; echo 2 > e/f'];
  const change = 'rm -r d; mkdir d; mkdir tools; cp /bin/true tools/x; setcap cap_kill=ep tools/x';

  it('gives the same rows', async () => {
    mounted = realOverlay(image);
    mounted.inContainer(change);
    const { rows, problems } = await changesOn(mounted, {}, 1_000, localNode({ env: oldMount(folder, 'refuses') }));
    expect(problems).toEqual([]);
    expect(inShort(rows.values())).toEqual(['added directory tools', 'added file tools/x', 'deleted file d/f']);
    expect(rows.get('tools/x')?.capabilities).toBe('cap_kill=ep');
  });

  it('does not use what was read by names while directories above changed, and says so', async () => {
    const real = realOverlay(image);
    mounted = real;
    real.inContainer(change);
    const session = localNode({
      env: oldMount(folder, 'refuses'),
      onStart: ({ name }) => name === 'walk-tree' && real.inContainer('mv tools away; mv away tools'),
    });
    const { rows, problems } = await changesOn(real, {}, 1_000, session);
    expect(problems.map(({ reason, path }) => `${reason} ${path?.toString() ?? ''}`)).toContain('path-race tools/x');
    expect(rows.get('tools/x')).not.toHaveProperty('capabilities');
    rmSync(folder, { recursive: true });
  });
});

it('says that capabilities are not known where the node’s cp cannot copy attributes', async () => {
  const bin = mkdtempSync(join(tmpdir(), 'podtriage-cp-'));
  writeFileSync(join(bin, 'cp'), '#!/bin/sh\necho "cp: cannot preserve extended attributes, cp is built without xattr support" >&2; exit 1\n', {
    mode: 0o755,
  });
  mounted = realOverlay(['mkdir d; echo 1 > d/f']);
  mounted.inContainer('cp /bin/true d/x; setcap cap_kill=ep d/x; rm d/f');
  const session = localNode({ env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
  const { rows, problems } = await changesOn(mounted, {}, 1_000, session);
  rmSync(bin, { recursive: true });
  expect(inShort(rows.values())).toEqual(['added file d/x', 'deleted file d/f']);
  expect(problems.map(({ reason, path, detail }) => `${reason} ${path?.toString() ?? detail}`)).toEqual([
    'layers cp: cannot preserve extended attributes, cp is built without xattr support',
    'attributes d/x',
  ]);
});
