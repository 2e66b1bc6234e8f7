import { afterEach, describe, expect, it } from 'vitest';
import { overlayDiff } from '../../../playbooks/acquisition/changes/overlay-diff.js';
import { localNode } from '../../support/local-node.js';
import { type RealOverlay, realOverlay } from '../../support/overlay.js';

const signal = AbortSignal.timeout(60_000);
let mounted: RealOverlay | undefined;

afterEach(() => {
  mounted?.remove();
  mounted = undefined;
});

async function diffOf(layers: string[], change: string, options = ''): Promise<string[]> {
  mounted = realOverlay(layers, options);
  mounted.inContainer(change);
  const { differences } = await overlayDiff(localNode(), { overlay: mounted.overlay }, 100_000, signal);
  return differences.map(({ kind, path, now, before }) => `${kind} ${now?.type ?? before?.type ?? 'nothing'} ${path.toString('latin1')}`).sort();
}

const image = [
  'mkdir -p etc opt/app/lib; echo 2 > etc/a; echo x > opt/app/lib/x; rm -f etc/c',
  'mkdir -p etc opt/app var; echo 1 > etc/a; echo b > etc/b; echo y > opt/app/y; mkdir dir; echo d > dir/d',
];

describe('overlayDiff on a real overlay', () => {
  it.each<[string, string, string[]]>([
    ['lists an added file, not the directory that it was put into', 'echo n > etc/n', ['added file etc/n']],
    ['lists a file of any layer as changed', 'echo n >> etc/a; echo n >> etc/b', ['changed file etc/a', 'changed file etc/b']],
    ['lists a deleted file with the type it had', 'rm etc/b', ['deleted file etc/b']],
    ['lists a changed mode of a directory', 'chmod 700 var', ['changed directory var']],
    [
      'lists what a remade directory hides as deleted',
      'rm -r opt/app; mkdir opt/app; echo n > opt/app/n',
      ['added file opt/app/n', 'deleted directory opt/app/lib', 'deleted file opt/app/lib/x', 'deleted file opt/app/y'],
    ],
    [
      'lists all that went with a deleted directory',
      'rm -r opt',
      ['deleted directory opt', 'deleted directory opt/app', 'deleted directory opt/app/lib', 'deleted file opt/app/lib/x', 'deleted file opt/app/y'],
    ],
    ['lists a directory that became a file', 'rm -r dir; echo n > dir', ['changed file dir', 'deleted file dir/d']],
    ['lists a file that became a directory', 'rm etc/b; mkdir etc/b; echo n > etc/b/n', ['added file etc/b/n', 'changed directory etc/b']],
    ['tells a device node without permissions from a deleted path', 'mknod -m 000 null c 1 3; rm etc/b', ['added char null', 'deleted file etc/b']],
    [
      'ignores an opaque mark that the container forged',
      "echo n > dir/n; setfattr -n user.overlay.opaque -v y dir 2>/dev/null || python3 -c \"import os; os.setxattr('dir', 'user.overlay.opaque', b'y')\"",
      ['added file dir/n'],
    ],
    ['lists links, FIFOs and sockets without opening them', 'ln -s /etc/shadow s; mkfifo p', ['added fifo p', 'added symlink s']],
  ])('%s', async (_, change, expected) => {
    expect(await diffOf(image, change)).toEqual(expected);
  });

  it('keeps hostile names as the bytes they are', async () => {
    const rows = await diffOf(
      ['mkdir tmp'],
      "cd tmp; for n in $'new\\nline' $'t\\tb' $'\\e[31m' $'\\xff\\xfe' -rf '*' 'a\\b' '$(id)'; do echo x > \"./$n\"; done",
    );
    expect(rows).toEqual(['\x1b[31m', '$(id)', '*', '-rf', 'a\\b', 'new\nline', 't\tb', '\xff\xfe'].map((name) => `added file tmp/${name}`).sort());
  });

  it('does not follow a lower layer’s symlink to the node when it asks what was there', async () => {
    const rows = await diffOf(['ln -s /etc link'], 'rm link; mkdir link; echo n > link/hostname');
    expect(rows).toEqual(['added file link/hostname', 'changed directory link']);
  });
});
