import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { AcquireStand, sha256 } from '../../support/acquire-stand.js';
import { localNode } from '../../support/local-node.js';
import { oldMount } from '../../support/old-mount.js';

const MiB = 1024 * 1024;
let stand: AcquireStand;
beforeEach(async () => {
  stand = await AcquireStand.open('');
});
afterEach(() => stand.close());

const png = "printf '\\211PNG\\r\\n\\032\\n\\0\\0\\0\\rIHDR' > $f; head -c 200 /dev/urandom >> $f";

/** Files of all kinds: what is left, and what only looks so. */
const site = `
  mkdir -p opt/app var/log var/www/html
  f=opt/app/logo.png; ${png}
  f=opt/app/run.png; ${png}; chmod 755 $f
  f=var/www/html/logo.png; ${png}
  echo 'plain text that says it is a picture, and is long enough to be looked at' > opt/app/fake.png
  printf 'GIF89a<?php system($_GET[1]); ?>%064d' 1 > opt/app/shell.gif
  for i in 1 2 3; do echo "2026-11-25 GET /index.html 200 and so on and on, as logs do"; done > var/log/app.log
  printf '#!/bin/sh\\necho this one is a script that is called a log, long enough to be read\\n' > var/log/run.log
  echo conf > etc.conf; echo x > data; printf '\\177ELF' > opt/app/miner; chmod 755 opt/app/miner`;

describe('what is moved', () => {
  beforeEach(() => stand.mounted.inContainer(site));

  it('is nothing for hashes, and every file has its hash', async () => {
    const { by, gaps } = await stand.take(await stand.changes(), { mode: 'hashes' });
    expect(by.size).toBe(10);
    expect([...by.values()].every(({ left, known }) => left === true && !known)).toBe(true);
    expect(by.get('data')?.sha256).toBe(sha256('x\n'));
    expect(gaps).toEqual([]);
    expect(readdirSync(join(stand.folder, 'evidence', 'sha256'))).toEqual([]);
  });

  it('is all but media and plain logs for selected, wherever a name alone would lie', async () => {
    const { by } = await stand.take(await stand.changes());
    const left = [...by].filter(([, artifact]) => artifact.left === true).map(([name]) => name);
    expect(left.sort()).toEqual(['opt/app/logo.png', 'var/log/app.log']);
    for (const artifact of by.values()) expect(await stand.store.has(artifact.sha256)).toBe(artifact.left !== true);
    expect(by.get('opt/app/miner')).toMatchObject({ content: 'elf', known: false });
    expect(by.get('opt/app/miner')?.identity?.inode).toMatch(/^\d+$/);
  });

  it('is everything for all', async () => {
    const { by } = await stand.take(await stand.changes(), { mode: 'all' });
    expect([...by.values()].some(({ left }) => left === true)).toBe(false);
    for (const { sha256: hash } of by.values()) expect(await stand.store.has(hash)).toBe(true);
  });

  it('is never what the store has: that is known, also where it would have been left', async () => {
    const first = [...(await stand.take(await stand.changes(), { mode: 'all' })).by.values()].map(({ md5, sha1 }) => [md5, sha1]);
    const commands: string[] = [];
    const session = localNode({ onStart: ({ name }) => commands.push(name) });
    const { by } = await stand.take(await stand.changes(), { mode: 'selected', session });
    expect([...by.values()].every(({ known, left }) => known && left === undefined)).toBe(true);
    // Packages know files by these.
    expect([...by.values()].map(({ md5, sha1 }) => [md5, sha1])).toEqual(first);
    expect(commands).not.toContain('move-files');
  });
});

describe('files of all shapes', () => {
  it('come whole: empty, linked, sparse, without permissions, setuid; what is over the cap is a limit', async () => {
    stand.mounted.inContainer(
      ': > empty; echo twin > h1; ln h1 h2; truncate -s 3M sparse; truncate -s 10G huge; echo no > none; chmod 000 none; echo s > s; chmod 4755 s',
    );
    const { by, gaps, limits } = await stand.take(await stand.changes());
    expect(by.get('empty')).toMatchObject({ content: 'empty', size: 0 });
    expect(by.get('h1')?.sha256).toBe(sha256('twin\n'));
    expect(by.get('h2')?.sha256).toBe(sha256('twin\n'));
    expect(by.get('h1')?.identity).toEqual(by.get('h2')?.identity);
    expect(by.get('sparse')).toMatchObject({ size: 3 * MiB, sha256: sha256(Buffer.alloc(3 * MiB)) });
    expect(by.get('none')?.sha256).toBe(sha256('no\n'));
    expect(gaps).toEqual([]);
    expect(limits).toEqual([{ subject: 'web:/huge', reason: 'file-bytes', detail: `${10 * 1024 * MiB} bytes` }]);
  });

  it('come whole when they are large: hashed beside their transfer', async () => {
    const data = randomBytes(40 * MiB);
    writeFileSync(join(stand.mounted.overlay.merged, 'large'), data);
    writeFileSync(join(stand.mounted.overlay.merged, 'twin'), data);
    const { by, gaps } = await stand.take(await stand.changes(), { mode: 'all' });
    expect(by.get('large')).toMatchObject({ sha256: sha256(data), size: 40 * MiB });
    expect(by.get('large')?.unstable).toBeUndefined();
    expect(by.get('large')?.identity).toBeDefined();
    expect(by.get('twin')?.sha256).toBe(sha256(data));
    expect(gaps).toEqual([]);
  });

  it('come in groups, each recorded, the next one hashed while one moves', async () => {
    stand.mounted.inContainer('mkdir many; cd many; for i in $(seq 5000); do echo $i > $i; done');
    const commands: string[] = [];
    const { by } = await stand.take(await stand.changes(), { session: localNode({ onStart: ({ name }) => commands.push(name) }) });
    expect(by.size).toBe(5000);
    expect(by.get('many/5000')?.sha256).toBe(sha256('5000\n'));
    expect(commands.filter((name) => name === 'hash-files')).toHaveLength(2);
    expect(commands.slice(0, 3)).toEqual(expect.arrayContaining(['hash-files', 'hash-files', 'move-files']));
  });

  it('are read through the merged mount where the upper directory holds none of their content', async () => {
    stand.close();
    stand = await AcquireStand.open('', ['head -c 100000 /dev/urandom > big; cp big other'], ',metacopy=on,redirect_dir=on');
    const before = execFileSync('sha256sum', [join(stand.mounted.overlay.merged, 'big')], { encoding: 'utf8' }).slice(0, 64);
    stand.mounted.inContainer('chmod 600 big');
    const { by } = await stand.take(await stand.changes());
    expect(by.get('big')?.sha256).toBe(before);
  });

  it('are a gap, never zeros, where that mount has gone with the container', async () => {
    stand.mounted.inContainer('echo x > own; truncate -s 100 bare');
    const listed = (await stand.changes()).map((change) => (change.path.text === 'bare' ? { ...change, metadataOnly: true } : change));
    const { upper, lowers, metacopy, redirects, userxattr } = stand.mounted.overlay;
    const { by, gaps } = await stand.take(listed, { overlay: { upper, lowers, metacopy, redirects, userxattr } });
    expect([...by.keys()]).toEqual(['own']);
    expect(gaps).toMatchObject([{ subject: 'web:/bare', reason: 'content-in-image' }]);
  });
});

describe('when something fails', () => {
  it('tells the failure of the store, ends what was at work, and keeps what was recorded', async () => {
    stand.mounted.inContainer('mkdir many; cd many; for i in $(seq 5000); do echo $i > $i; done');
    const listed = await stand.changes();
    let puts = 0;
    const full: EvidencePort = {
      ...stand.store,
      stage: (...args) => {
        puts += 1;
        return puts > 3000 ? Promise.reject(new Error('the disk is full')) : stand.store.stage(...args);
      },
    };
    await expect(stand.take(listed, { evidence: full })).rejects.toThrow('the disk is full');
    const again = await stand.take(listed);
    expect(again.by.size).toBe(5000);
    expect([...again.by.values()].filter(({ known }) => known).length).toBeGreaterThanOrEqual(2500);
  });

  it('is told when the container is removed before anything came', async () => {
    stand.mounted.inContainer('echo x > f');
    const listed = await stand.changes();
    const overlay = { ...stand.mounted.overlay, upper: '/nonexistent/upper' };
    await expect(stand.take(listed, { overlay })).rejects.toMatchObject({ code: 'pod-gone' });
  });

  it('keeps what came before the container was removed, and counts the rest as a gap', async () => {
    stand.mounted.inContainer('mkdir many; cd many; for i in $(seq 2600); do echo $i > $i; done');
    const listed = await stand.changes();
    let moves = 0;
    const session = localNode({
      onStart({ name }) {
        moves += name === 'move-files' ? 1 : 0;
        if (name === 'move-files' && moves === 2) execFileSync('mv', [stand.mounted.overlay.upper, `${stand.mounted.overlay.upper}.gone`]);
      },
    });
    const { by, gaps } = await stand.take(listed, { session });
    execFileSync('mv', [`${stand.mounted.overlay.upper}.gone`, stand.mounted.overlay.upper]);
    expect(by.size).toBe(2500);
    expect(gaps.map(({ subject, reason }) => `${subject} ${reason}`)).toEqual(['100 files pod-gone']);
  });

  it('throws away what may have been read elsewhere, and says so in custody', async () => {
    stand.mounted.inContainer('mkdir race; echo mine > race/f; echo y > g');
    writeFileSync(join(stand.folder, 'f'), 'of the node\n');
    const listed = await stand.changes();
    const session = localNode({ env: oldMount(stand.folder, 'refuses') });
    const { by, gaps, acts } = await stand.meanwhile(`mv race away; ln -s ${stand.folder} race; sleep 0.01; rm race; mv away race; sleep 0.02`, () =>
      stand.take(listed, { session }),
    );
    expect(await stand.store.has(sha256('of the node\n'))).toBe(false);
    expect([...by.values()].map((each) => each.sha256)).not.toContain(sha256('of the node\n'));
    expect(by.get('g')?.sha256).toBe(sha256('y\n'));
    expect(gaps).toMatchObject([{ subject: 'web:/race/f', reason: 'path-race' }]);
    expect(acts).toContainEqual({
      act: 'artifact.discarded',
      subject: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      detail: { reason: 'path-race' },
    });
  });
});
