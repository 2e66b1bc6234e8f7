import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hashOnNode } from '../../../playbooks/acquisition/node-hash.js';
import { overlayDiff } from '../../../playbooks/acquisition/overlay-diff.js';
import { walkTree } from '../../../playbooks/acquisition/walk-tree.js';
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
  const { differences } = await overlayDiff(localNode(), mounted.overlay, 100_000, signal);
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

describe('reading a tree', () => {
  it('does not follow links, whatever the names that are given', async () => {
    mounted = realOverlay(['mkdir a'], '');
    mounted.inContainer('ln -s /etc etc-link; ln -s /etc/hostname file-link; echo own > own');
    const names = ['etc-link/hostname', 'file-link', 'own'].map((name) => Buffer.from(name));
    const sums = await hashOnNode(localNode(), mounted.overlay.upper, names, signal);
    expect([...sums]).toEqual([['own', createHash('sha256').update('own\n').digest('hex')]]);
  });

  it('leaves access times and the mount table as they were', async () => {
    mounted = realOverlay(['mkdir a'], '');
    mounted.inContainer('echo x > f; touch -a -d @1000000000 f');
    const file = join(mounted.overlay.upper, 'f');
    const table = readFileSync('/proc/self/mountinfo', 'utf8');
    await walkTree(localNode(), mounted.overlay.upper, 1_000, signal);
    await hashOnNode(localNode(), mounted.overlay.upper, [Buffer.from('f')], signal);
    expect(statSync(file).atimeMs).toBe(1_000_000_000_000);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(table);
  });

  it('reads content through the merged mount where the upper directory holds none', async () => {
    mounted = realOverlay(['head -c 100000 /dev/urandom > big'], ',metacopy=on,redirect_dir=on');
    const before = createHash('sha256')
      .update(readFileSync(join(mounted.overlay.merged, 'big')))
      .digest('hex');
    mounted.inContainer('chmod 600 big');
    const sums = await hashOnNode(localNode(), mounted.overlay.merged, [Buffer.from('big')], signal);
    expect(sums.get('big')).toBe(before);
  });

  it('stops at as many entries as were asked for, and says that there are more', async () => {
    mounted = realOverlay(['mkdir a']);
    mounted.inContainer('mkdir many; cd many; touch $(seq 5000)');
    const walk = await walkTree(localNode(), mounted.overlay.upper, 1000, signal);
    expect(walk.complete).toBe(false);
    expect(walk.entries.length).toBe(1000);
    expect(await walkTree(localNode(), mounted.overlay.upper, 5001, signal)).toMatchObject({ complete: true });
  });

  it('says that the container was removed when its tree is gone', async () => {
    await expect(walkTree(localNode(), '/nonexistent/upper', 1_000, signal)).rejects.toMatchObject({ code: 'pod-gone' });
  });

  it('is not led out of the tree while a directory is swapped for a symlink', async () => {
    mounted = realOverlay(['mkdir a']);
    mounted.inContainer('mkdir race; echo mine > race/hostname');
    const { upper } = mounted.overlay;
    writeFileSync(join(upper, 'stop'), '');
    const { spawn } = await import('node:child_process');
    const swap = spawn('bash', ['-c', 'while [ -e stop ]; do mv race away; ln -s /etc race; rm race; mv away race; done'], {
      cwd: mounted.overlay.merged,
    });
    const mine = createHash('sha256').update('mine\n').digest('hex');
    for (let round = 0; round < 60; round += 1) {
      const sums = await hashOnNode(localNode(), upper, [Buffer.from('race/hostname')], signal);
      expect([mine, undefined]).toContain(sums.get('race/hostname'));
    }
    mounted.inContainer('rm stop');
    await new Promise((resolve) => swap.once('close', resolve));
  });
});
