import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostListing } from '../../../playbooks/acquisition/volumes/host-listing.js';
import { volumeRows } from '../../../playbooks/acquisition/volumes/volume-rows.js';
import type { ContainerVolume, NodeContainer } from '../../../playbooks/facts.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { localNode } from '../../support/local-node.js';
import { localContext } from '../../support/step-context.js';

let folder: string;
let evidence: EvidenceKeeper;
let signal: AbortSignal;
let commands: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage volumes-'));
  evidence = await createDiskEvidence(join(folder, 'evidence'), { hostname: 'here', machineId: 'one' });
  ({ signal } = new AbortController());
  commands = [];
  mkdirSync(join(folder, 'host/below'), { recursive: true });
  writeFileSync(join(folder, 'host/below/f'), 'of the node');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function volume(more: Partial<ContainerVolume>): ContainerVolume {
  return {
    volume: 'v',
    kind: 'empty-dir',
    mountPath: '/v',
    source: join(folder, 'host'),
    filesystem: 'ext4',
    readOnly: false,
    shared: 'pod',
    ...more,
  };
}

function container(name: string, volumes: ContainerVolume[], more: Partial<NodeContainer> = {}): NodeContainer {
  const id = name.repeat(64).slice(0, 64);
  return { name, id, kind: 'container', instance: 'current', state: 'running', runtime: 'containerd', volumes, mountPaths: [], ...more };
}

async function rowsOf(containers: NodeContainer[], changes = 100, env: Record<string, string> = {}) {
  const limits = { fileBytes: 1_000, files: 10, totalBytes: 1_000, changes };
  const { ctx, gaps, limits: left } = localContext(evidence, signal, { limits });
  const rows = await volumeRows(localNode({ env, onStart: ({ name }) => commands.push(name) }), containers, ctx);
  const lines = rows.map(({ container: of, path, listedOnly }) => `${of} ${path.text}${listedOnly === true ? ' listed' : ''}`);
  return { lines, gaps: gaps.map(({ subject, reason }) => `${subject} ${reason}`), left: left.map(({ subject, reason }) => `${subject} ${reason}`) };
}

describe('the volumes of a pod', () => {
  it('are read once, for the first running container that has them mounted', async () => {
    const ended = container('e', [volume({})], { instance: 'previous', state: 'ended' });
    const answer = await rowsOf([ended, container('a', [volume({ mountPath: '/x' }), volume({ mountPath: '/y' })]), container('b', [volume({})])]);
    expect(answer).toEqual({ lines: ['a below', 'a below/f'], gaps: [], left: [] });
  });

  describe('of the pod alone', () => {
    function disks(...names: readonly string[]): NodeContainer[] {
      for (const name of names) {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, `of ${name}`), '');
      }
      return [
        container(
          'a',
          names.map((name) => volume({ mountPath: `/${name}`, source: join(folder, name) })),
        ),
      ];
    }

    it('are walked by one command, in which no name can pose as the end of a walk', async () => {
      const pod = disks('one', 'two');
      writeFileSync(join(folder, 'one', ':0'), '');
      symlinkSync(':0', join(folder, 'one', 'link'));
      expect(await rowsOf(pod)).toEqual({ lines: expect.arrayContaining(['a :0', 'a link', 'a of one', 'a of two']) as unknown, gaps: [], left: [] });
      expect(commands).toEqual(['walk-trees']);
    });

    it('are walked by themselves where that goes wrong, and none stands in the way of another', async () => {
      const [pod] = disks('one', 'two', 'three');
      const gone = volume({ mountPath: '/gone', source: join(folder, 'gone') });
      const answer = await rowsOf([{ ...pod!, volumes: [gone, ...pod!.volumes] }]);
      expect(answer).toEqual({ lines: ['a of one', 'a of two', 'a of three'], gaps: ['a:/gone pod-gone'], left: [] });
      expect(commands).toEqual(['walk-trees', 'walk-tree']);
    });

    it('count as read only where find came to its end', async () => {
      const pod = disks('one', 'two', 'three');
      const bin = join(folder, 'bin');
      mkdirSync(bin);
      const killed = 'case $PWD in */two) /usr/bin/find "$@" | head -c 30; kill -KILL $$ ;; esac; exec /usr/bin/find "$@"';
      writeFileSync(join(bin, 'find'), `#!/bin/sh\n${killed}\n`, { mode: 0o755 });
      const answer = await rowsOf(pod, 100, { PATH: `${bin}:${process.env['PATH'] ?? ''}` });
      expect(answer).toEqual({ lines: ['a of one', 'a of three'], gaps: ['a:/two command-failed'], left: [] });
    });

    it('have room of their own each, where all together have too many entries', async () => {
      const answer = await rowsOf(disks('one', 'two', 'three'), 2);
      expect(answer).toEqual({ lines: ['a of one', 'a of two', 'a of three'], gaps: [], left: [] });
      expect(commands).toEqual(['walk-trees', 'walk-tree']);
    });
  });

  it('that are the node’s are listed and named as blind spots, also where only the second container may write', async () => {
    const host = volume({ kind: 'host-path', shared: 'node' });
    const answer = await rowsOf([container('a', [{ ...host, readOnly: true }]), container('b', [host])]);
    expect(answer).toEqual({ lines: ['a below listed', 'a below/f listed'], gaps: [], left: ['a:/v volume-not-collected'] });
  });

  it('that hold secrets, or more than the pod’s, are not entered', async () => {
    const secret = volume({ kind: 'secret', readOnly: true });
    const wide = volume({ kind: 'host-path', shared: 'node', wide: true, mountPath: '/w', source: '/' });
    expect(await rowsOf([container('a', [secret, wide])])).toEqual({
      lines: [],
      gaps: [],
      left: ['a:/v volume-by-name-only', 'a:/w volume-not-collected'],
    });
  });

  it('that are too large are a gap where they are taken, and a limit where they are only listed', async () => {
    expect(await rowsOf([container('a', [volume({})])], 1)).toEqual({ lines: ['a below'], gaps: ['a:/v changes'], left: [] });
    const host = volume({ kind: 'host-path', shared: 'node', readOnly: true });
    expect(await rowsOf([container('a', [host])], 1)).toEqual({ lines: ['a below listed'], gaps: [], left: ['a:/v volume-entries'] });
  });

  it('that are gone, or that no table shows, are gaps, and the others are read all the same', async () => {
    const gone = volume({ mountPath: '/gone', source: join(folder, 'gone') });
    const unseen: ContainerVolume = { volume: '/dev', kind: 'tmpfs', mountPath: '/dev', readOnly: false, shared: 'container' };
    const answer = await rowsOf([container('a', [gone, unseen, volume({})])]);
    expect(answer).toEqual({ lines: ['a below', 'a below/f'], gaps: ['a:/gone pod-gone', 'a:/dev mount-not-seen'], left: [] });
    const ended = container('a', [unseen], { state: 'ended' });
    expect((await rowsOf([ended])).gaps).toEqual([]);
  });

  it('have subjects that are safe to print', async () => {
    const { left } = await rowsOf([container('a', [volume({ kind: 'other', mountPath: '/a\x1b[2J\nb' })])]);
    expect(left).toEqual(['a:/a\ufffd[2J\ufffdb volume-not-collected']);
  });
});

describe('a directory of the node', () => {
  it('is not listed where a symlink leads to it, last or before', async () => {
    symlinkSync(join(folder, 'host'), join(folder, 'link'));
    for (const path of ['link', 'link/below'])
      await expect(hostListing(localNode(), join(folder, path), 10, signal)).rejects.toMatchObject({ code: 'path-race' });
    await expect(hostListing(localNode(), join(folder, 'host/below/f'), 10, signal)).rejects.toMatchObject({ code: 'pod-gone' });
  });

  it('stays as it is: access times, entries and mounts', async () => {
    const host = join(folder, 'host');
    execFileSync('touch', ['-a', '-d', '2001-01-01', host, join(host, 'below')]);
    const mounts = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
    const { entries, complete } = await hostListing(localNode(), host, 10, signal);
    expect([entries.map(({ path }) => path.toString()), complete]).toEqual([['below', 'below/f'], true]);
    expect([host, join(host, 'below')].map((path) => statSync(path).atime.getFullYear())).toEqual([2001, 2001]);
    // mount(8) makes a folder of its own below /run unless it is told not to, and /run could be the directory.
    expect(existsSync(join(host, 'mount'))).toBe(false);
    expect(
      execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes(folder)),
    ).toEqual(mounts.split('\n').filter((line) => line.includes(folder)));
  });
});
