import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AcquireStand, sha256 } from '../../support/acquire-stand.js';
import { localNode } from '../../support/local-node.js';

const MiB = 1024 * 1024;
let stand: AcquireStand;
beforeEach(async () => {
  stand = await AcquireStand.open('');
});
afterEach(() => stand.close());

describe('a file that will not hold still', () => {
  it('is kept as unstable when it grows all the time, and its neighbours come whole', async () => {
    stand.mounted.inContainer('echo x > f; echo y > g');
    const listed = await stand.changes();
    const { by, gaps } = await stand.meanwhile('echo more >> f', () => stand.take(listed));
    expect(by.get('g')).toMatchObject({ sha256: sha256('y\n'), known: false });
    expect(by.get('g')?.unstable).toBeUndefined();
    const artifact = by.get('f');
    if (artifact === undefined) expect(gaps).toMatchObject([{ subject: 'web:/f', reason: 'unstable' }]);
    else {
      expect(sha256(await stand.content(artifact.sha256))).toBe(artifact.sha256);
      expect((await stand.content(artifact.sha256)).toString()).toMatch(/^x\n(more\n)*/);
    }
  });

  it('does not take the others with it when it grows without end', async () => {
    stand.mounted.inContainer('echo x > f; for i in 1 2 3 4 5; do echo $i > g$i; done');
    const listed = await stand.changes();
    const { by, gaps } = await stand.meanwhile('truncate -s 30M f; truncate -s 2 f', () => stand.take(listed));
    for (const i of [1, 2, 3, 4, 5]) expect(by.get(`g${i}`)?.sha256).toBe(sha256(`${i}\n`));
    const artifact = by.get('f');
    if (artifact !== undefined) expect(sha256(await stand.content(artifact.sha256))).toBe(artifact.sha256);
    expect((artifact === undefined ? 0 : 1) + gaps.length).toBe(1);
  });

  it('is never taken for whole when it shrinks while tar reads it', async () => {
    stand.mounted.inContainer('head -c 3000000 /dev/urandom > f; cp f whole');
    const listed = await stand.changes();
    const { by, gaps } = await stand.meanwhile('truncate -s 1000 f; cat whole > f', () => stand.take(listed));
    const artifact = by.get('f');
    if (artifact === undefined) expect(gaps).toMatchObject([{ subject: 'web:/f' }]);
    else if (artifact.unstable !== true) expect([1000, 3_000_000, 0]).toContain(artifact.size);
    expect(by.get('whole')?.unstable).toBeUndefined();
  });

  it('is a gap, and never what tar filled up with zeros, when it shrinks each time that tar reads it', async () => {
    stand.mounted.inContainer(`head -c ${8 * MiB} /dev/urandom > f; echo y > g`);
    const listed = await stand.changes();
    const file = join(stand.mounted.overlay.merged, 'f');
    // tar waits for its reader amid the file, which loses its second half meanwhile.
    const shrink = `head -c 100000; truncate -s $(($(stat -c %s '${file}') / 2)) '${file}'; cat`;
    const bin = join(stand.folder, 'shrinking-bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'tar'), `#!/bin/bash\n/usr/bin/tar "$@" | { ${shrink}; }\nexit "\${PIPESTATUS[0]}"\n`, { mode: 0o755 });
    const session = localNode({ env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
    const { by, gaps } = await stand.take(listed, { session });
    expect([...by.keys()]).toEqual(['g']);
    expect(gaps).toMatchObject([{ subject: 'web:/f', reason: 'unstable' }]);
  });

  it('is a gap, and nobody waits, when a FIFO, a directory or a link stands there in the end', async () => {
    stand.mounted.inContainer('echo a > a1; echo b > b1; echo c > c1; echo d > d1; echo e > e1');
    const listed = await stand.changes();
    stand.mounted.inContainer('rm a1 b1 c1 d1; mkfifo a1; mkdir b1; ln -s /etc/shadow c1');
    const { by, gaps } = await stand.take(listed);
    expect([...by.keys()]).toEqual(['e1']);
    expect(gaps.map(({ subject, reason }) => `${subject} ${reason}`).sort()).toEqual([
      'web:/a1 not-a-file',
      'web:/b1 not-a-file',
      'web:/c1 not-a-file',
      'web:/d1 could-not-read',
    ]);
  });

  it('is unstable when it is written through a mapping, which no time shows', async () => {
    stand.mounted.inContainer(`head -c ${4 * MiB} /dev/zero > f`);
    const listed = await stand.changes();
    const script = `
import mmap, os, sys, time
f = open('f', 'r+b'); m = mmap.mmap(f.fileno(), 0)
for page in range(0, len(m), 4096): m[page] = 1
os.fsync(f.fileno())
for page in range(0, len(m), 4096): m[page] = 2
open(sys.argv[1], 'w').close()
n = 3
while os.path.exists(sys.argv[1]):
  for page in range(0, len(m), 4096): m[page] = n % 250
  n += 1`;
    const flag = join(stand.folder, 'writing');
    const writer = spawn('python3', ['-c', script, flag], { cwd: stand.mounted.overlay.merged, stdio: 'ignore' });
    await expect.poll(() => readdirSync(stand.folder).includes('writing'), { timeout: 20_000 }).toBe(true);
    try {
      const { by, gaps } = await stand.take(listed);
      const artifact = by.get('f');
      if (artifact === undefined) expect(gaps).toMatchObject([{ reason: 'unstable' }]);
      else {
        expect(artifact.unstable).toBe(true);
        expect(sha256(await stand.content(artifact.sha256))).toBe(artifact.sha256);
      }
    } finally {
      rmSync(flag);
      await new Promise((resolve) => writer.once('close', resolve));
    }
  });
});
