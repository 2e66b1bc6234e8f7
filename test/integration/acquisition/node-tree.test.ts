import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readingOf } from '../../../playbooks/acquisition/node/safe-tree.js';
import { walkTree } from '../../../playbooks/acquisition/node/walk-tree.js';
import { nodeTree } from '../../../playbooks/acquisition/trees/node-tree.js';
import type { TreeReader } from '../../../playbooks/acquisition/trees/tree-reader.js';
import type { EvidencePort, NodeSession } from '../../../playbooks/ports.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { watched } from '../../support/inotify.js';
import { localNode } from '../../support/local-node.js';
import { oldMount } from '../../support/old-mount.js';
import { changesOn, type RealOverlay, realOverlay } from '../../support/overlay.js';

const signal = new AbortController().signal;
/** Each is 25 files, hashed and moved while the way to them is swapped. */
const rounds = Number(process.env['PODTRIAGE_RACE_ROUNDS'] ?? '12');
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
let mounted: RealOverlay | undefined;
let folder: string;
let store: EvidenceKeeper;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-node-tree-'));
  store = await createDiskEvidence(join(folder, 'evidence'));
});
afterEach(() => {
  mounted?.remove();
  mounted = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function tree(change: string, session: NodeSession = localNode(), patienceMs?: number): TreeReader {
  mounted = realOverlay(['mkdir a'], '');
  mounted.inContainer(change);
  return nodeTree({ session, root: mounted.overlay.upper, most: 10_000, ...(patienceMs === undefined ? {} : { patienceMs }) });
}

const named = (...names: string[]): { path: Buffer; size: number }[] => names.map((name) => ({ path: Buffer.from(name, 'latin1'), size: 10 }));

/** The machine's mounts that have to do with the test's own tree; other tests make and end theirs meanwhile. */
function ownMounts(): string[] {
  const name = mounted?.folder.split('-').at(-1) ?? '';
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(`overlay-${name}/`));
}

/** Runs a shell loop in the container's tree as long as `act` takes. */
async function meanwhile(loop: string, act: () => Promise<void>): Promise<void> {
  const { merged } = mounted?.overlay ?? { merged: '/nonexistent' };
  writeFileSync(join(merged, 'go'), '');
  const child = spawn('bash', ['-c', `while [ -e go ]; do ${loop}; done`], { cwd: merged, stdio: 'ignore' });
  try {
    await act();
  } finally {
    rmSync(join(merged, 'go'));
    await new Promise((resolve) => child.once('close', resolve));
  }
}

describe.each(['nosymfollow', 'two-walks'] as const)('reading a tree by %s', (reading) => {
  const session = (): NodeSession => (reading === 'nosymfollow' ? localNode() : localNode({ env: oldMount(folder, 'refuses') }));

  it('says which way it was', async () => {
    const node = session();
    await tree('echo x > f', node).hash(named('f'), signal);
    expect(readingOf(node)).toBe(reading);
  });

  it('says when all has come from the node, while the store still keeps it', async () => {
    let arrived: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (arrived = resolve));
    const slow: EvidencePort = {
      ...store,
      stage: async (...from) => {
        const staged = await store.stage(...from);
        return { ...staged, keep: (own) => all.then(() => staged.keep(own)) };
      },
    };
    const moved = await tree('echo x > f; echo y > g', session()).move(named('f', 'g'), { evidence: slow, strict: false, arrived }, signal);
    expect([...moved.values()].map(({ outcome }) => outcome)).toEqual(['stored', 'stored']);
  });

  it('tells hash, size and identity of each file, and moves the same bytes', async () => {
    const reader = tree("echo own > own; : > empty; ln own twin; echo odd > $'new\\nline \\e[31m -rf'", session());
    const names = ['own', 'empty', 'twin', 'new\nline \x1b[31m -rf'];
    const hashes = await reader.hash(named(...names), signal);
    const { ino, size, dev } = statSync(join(mounted?.overlay.upper ?? '', 'own'));
    expect(hashes.get('own')).toMatchObject({
      outcome: 'hashed',
      sha256: sha256('own\n'),
      steady: true,
      size,
      identity: { inode: String(ino), device: String(dev) },
    });
    expect(hashes.get('empty')).toMatchObject({ sha256: sha256(''), size: 0, steady: true });
    const moved = await reader.move(named(...names), { evidence: store, strict: true }, signal);
    for (const name of names) {
      const hashed = hashes.get(name);
      expect(moved.get(name)).toMatchObject({ outcome: 'stored', evidence: { sha256: hashed?.outcome === 'hashed' ? hashed.sha256 : '' } });
    }
  });

  it('does not follow links, whatever the names that are given', async () => {
    const reader = tree('ln -s /etc etc-link; ln -s /etc/hostname file-link; echo own > own', session());
    const hashes = await reader.hash(named('etc-link/hostname', 'file-link', 'own'), signal);
    expect(hashes.get('own')).toMatchObject({ sha256: sha256('own\n') });
    expect(hashes.get('file-link')).toMatchObject({ outcome: 'not-a-file' });
    expect(hashes.get('etc-link/hostname')?.outcome).not.toBe('hashed');
    const moved = await reader.move(named('etc-link/hostname', 'file-link'), { evidence: store, strict: false }, signal);
    expect([...moved.values()].map(({ outcome }) => outcome)).not.toContain('stored');
    expect(await store.has(sha256(readFileSync('/etc/hostname')))).toBe(false);
  });

  it('leaves access times and the mount table as they were', async () => {
    const reader = tree('echo x > f; mkdir d; echo y > d/f; touch -a -d @1000000000 f d d/f', session());
    const table = ownMounts();
    await reader.walk(1_000, signal);
    await reader.hash(named('f', 'd/f'), signal);
    await reader.move(named('f', 'd/f'), { evidence: store, strict: false }, signal);
    for (const name of ['f', 'd', 'd/f']) expect(statSync(join(mounted?.overlay.upper ?? '', name)).atimeMs).toBe(1_000_000_000_000);
    expect(ownMounts()).toEqual(table);
  });

  it('is not noticed by a container that watches its files', async () => {
    const reader = tree('echo x > f; mkdir d; echo y > d/f', session());
    const { merged } = mounted?.overlay ?? { merged: '' };
    const told = await watched(['.', 'f', 'd', 'd/f'].map((name) => join(merged, name)));
    await reader.walk(1_000, signal);
    if (mounted !== undefined) await changesOn(mounted, {}, 1_000, session());
    await reader.hash(named('f', 'd/f'), signal);
    await reader.move(named('f', 'd/f'), { evidence: store, strict: false }, signal);
    expect(await told()).toBe(0);
    // It would have been told.
    const again = await watched([join(merged, 'f')]);
    await nodeTree({ session: session(), root: merged, most: 10 }).hash(named('f'), signal);
    expect(await again()).toBeGreaterThan(0);
  });

  it('reads files whose paths are longer than a tool can open', async () => {
    const deep = Array.from({ length: 45 }, (_, index) => `${String(index).padStart(3, '0')}${'d'.repeat(197)}`);
    const steps = deep.map((name) => `mkdir ${name}; cd ${name}`).join('; ');
    const reader = tree(`echo a > a/f; ${steps}; echo deep > ./f; echo other > ./g`, session());
    const path = `${deep.join('/')}/f`;
    const other = `${deep.slice(0, 45).join('/')}/g`;
    const hashes = await reader.hash(named(path, 'a/f', other), signal);
    expect(hashes.get(path)).toMatchObject({ outcome: 'hashed', sha256: sha256('deep\n'), steady: true });
    expect(hashes.get(other)).toMatchObject({ sha256: sha256('other\n') });
    const moved = await reader.move(named(path, 'a/f', other), { evidence: store, strict: false }, signal);
    expect(moved.get(path)).toMatchObject({ outcome: 'stored', evidence: { sha256: sha256('deep\n') } });
    expect(moved.size).toBe(3);
  });

  it('says that the container was removed when its tree is gone', async () => {
    await expect(walkTree(session(), '/nonexistent/upper', 1_000, signal)).rejects.toMatchObject({ code: 'pod-gone' });
  });

  it('is never led out of the tree while a directory is swapped for a symlink', async () => {
    const files = Array.from({ length: 25 }, (_, index) => `f${index}`);
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    for (const file of files) writeFileSync(join(outside, file), `of the node ${file}`);
    const reader = tree(`mkdir race; cd race; for f in ${files.join(' ')}; do echo mine $f > $f; done`, session());
    const asked = named(...files.map((file) => `race/${file}`));
    const swap = `mv race away; ln -s ${outside} race; sleep 0.00$((RANDOM % 10)); rm race; mv away race; sleep 0.0$((RANDOM % 30))`;
    let refused = 0;
    await meanwhile(swap, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const hashes = await reader.hash(asked, signal);
        const moved = await reader.move(asked, { evidence: store, strict: false }, signal);
        for (const file of files) {
          const [hashed, came] = [hashes.get(`race/${file}`), moved.get(`race/${file}`)];
          if (hashed?.outcome === 'hashed') expect(hashed.sha256).toBe(sha256(`mine ${file}\n`));
          if (came?.outcome === 'stored') expect(came.evidence.sha256).toBe(sha256(`mine ${file}\n`));
          refused += hashed?.outcome === 'hashed' && came?.outcome === 'stored' ? 0 : 1;
          expect(await store.has(sha256(`of the node ${file}`))).toBe(false);
        }
      }
    });
    expect(refused).toBeGreaterThan(0);
    const quiet = await reader.move(asked, { evidence: store, strict: false }, signal);
    expect([...quiet.values()].every(({ outcome }) => outcome === 'stored')).toBe(true);
    expect(readdirSync(join(folder, 'evidence', 'tmp'))).toEqual([]);
  }, 120_000);
});

it('does not believe a mount that takes nosymfollow without a word', async () => {
  const node = localNode({ env: oldMount(folder, 'ignores') });
  const hashes = await tree('ln -s /etc etc-link; echo x > f', node).hash(named('f', 'etc-link/hostname'), signal);
  expect(readingOf(node)).toBe('two-walks');
  expect(hashes.get('f')).toMatchObject({ outcome: 'hashed', steady: true });
  expect(hashes.get('etc-link/hostname')).toEqual({ outcome: 'path-race' });
});

describe('a file that will not hold still', () => {
  it('is not steady while it grows, and is not read without end', async () => {
    const reader = tree('echo x > f');
    await meanwhile('head -c 3000000 /dev/zero >> f', async () => {
      const hashed = (await reader.hash([{ path: Buffer.from('f'), size: 2 }], signal)).get('f');
      expect(hashed === undefined || hashed.outcome === 'too-large' || !(hashed.outcome === 'hashed' && hashed.steady)).toBe(true);
    });
  });

  it('is not waited for when a FIFO takes its place', async () => {
    const reader = tree('echo x > f; echo y > g; echo z > z', localNode(), 1_000);
    await meanwhile('mkfifo p; mv p f; echo x > n; mv n f', async () => {
      for (let round = 0; round < 8; round += 1) {
        const hashes = await reader.hash(named('f', 'g', 'z'), signal);
        expect(hashes.get('g')).toMatchObject({ sha256: sha256('y\n'), steady: true });
        expect(hashes.get('z')).toMatchObject({ sha256: sha256('z\n'), steady: true });
        const hashed = hashes.get('f');
        if (hashed?.outcome === 'hashed' && hashed.steady) expect(hashed.sha256).toBe(sha256('x\n'));
        const moved = await reader.move(named('f', 'g', 'z'), { evidence: store, strict: false }, signal);
        expect(moved.get('z')?.outcome).toBe('stored');
      }
    });
  }, 120_000);
});
