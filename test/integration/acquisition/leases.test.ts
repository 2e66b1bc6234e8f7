import { type ChildProcess, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeTree } from '../../../playbooks/acquisition/trees/node-tree.js';
import type { FileToMove, TreeReader } from '../../../playbooks/acquisition/trees/tree-reader.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { AcquireStand } from '../../support/acquire-stand.js';
import { type LeaseHow, leaseOn } from '../../support/lease.js';
import { localNode } from '../../support/local-node.js';
import { oldMount } from '../../support/old-mount.js';
import { changesOn, type RealOverlay, realOverlay } from '../../support/overlay.js';
import { sha256Of } from '../../support/wait.js';

const { signal } = new AbortController();
let folder: string;
let store: EvidenceKeeper;
let holders: ChildProcess[];
let mounted: RealOverlay | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-leases-'));
  store = await createDiskEvidence(join(folder, 'evidence'));
  mkdirSync(join(folder, 'volume'));
  holders = [];
});
afterEach(() => {
  for (const holder of holders) holder.kill('SIGKILL');
  mounted?.remove();
  mounted = undefined;
  rmSync(folder, { recursive: true });
});

/** As long a way as a tool can still open. */
const deep = `${'d'.repeat(250)}/`.repeat(15);

/** A file of a volume, which somebody holds a lease on. */
async function file(name: string, how: LeaseHow | 'free', content: Buffer = Buffer.from(`of ${name}`)): Promise<FileToMove & { sha256: string }> {
  writeFileSync(join(folder, 'volume', name), content);
  if (how !== 'free') holders.push(await leaseOn([join(folder, 'volume', name)], how));
  return { path: Buffer.from(name), size: content.length, sha256: sha256Of(content) };
}

describe.each(['nosymfollow', 'two-walks'] as const)('a file of a volume that somebody holds a lease on, by %s', (reading) => {
  const tree = (): TreeReader => {
    const session = reading === 'nosymfollow' ? localNode() : localNode({ env: oldMount(folder, 'refuses') });
    return nodeTree({ session, root: join(folder, 'volume'), most: 1_000 });
  };

  it('is hashed and moved, as are those beside it, once the kernel has broken the leases of all', async () => {
    const leased = ["it's\n!{}", ...Array.from({ length: 150 }, (_, index) => `${deep}${index}`)];
    mkdirSync(join(folder, 'volume', deep), { recursive: true });
    const files = await Promise.all(['first', ...leased, 'last'].map((name) => file(name, 'free')));
    holders.push(
      await leaseOn(
        leased.map((name) => join(folder, 'volume', name)),
        'holds',
      ),
    );
    execFileSync('mkfifo', [join(folder, 'volume', 'pipe')]);
    // A pipe that somebody else writes to is refused to who does not wait for other reasons.
    const pipe = openSync(join(folder, 'volume', 'pipe'), 'r+');
    const began = performance.now();
    const hashes = await tree().hash([{ path: Buffer.from('pipe'), size: 1 }, ...files], signal);
    closeSync(pipe);
    expect(hashes.get('pipe')).toEqual({ outcome: 'not-a-file' });
    hashes.delete('pipe');
    expect([...hashes.values()].map((each) => each.outcome === 'hashed' && each.steady && each.sha256)).toEqual(files.map(({ sha256 }) => sha256));
    const moved = await tree().move(files, { evidence: store, strict: true }, signal);
    expect([...moved.values()].map(({ outcome }) => outcome)).toEqual(files.map(() => 'stored'));
    // The kernel's 45 s for all, not for each.
    expect(performance.now() - began).toBeLessThan(80_000);
  });

  it('is moved also from one who takes the lease again each time', async () => {
    const large = await file('large', 'gives-way', randomBytes(3_000_000));
    const files = [await file('small', 'gives-way'), large, await file('free', 'free')];
    const hashes = await tree().hash(files, signal);
    for (const { path, sha256 } of files) expect(hashes.get(path.toString())).toMatchObject({ outcome: 'hashed', sha256, steady: true });
    const moved = await tree().move(files, { evidence: store, strict: true }, signal);
    for (const { path, sha256 } of files) expect(moved.get(path.toString())).toMatchObject({ outcome: 'stored', evidence: { sha256 } });
  });

  it('does not count when what comes is not what was hashed', async () => {
    const asked = { ...(await file('f', 'gives-way')), sha256: sha256Of(Buffer.from('another')) };
    const moved = await tree().move([asked], { evidence: store, strict: true }, signal);
    expect(moved.get('f')).toEqual({ outcome: 'differs' });
  });
});

it('is taken also when it is large, and is hashed while it is moved', async () => {
  const stand = await AcquireStand.open('head -c 34000000 /dev/urandom > large');
  try {
    const changes = await stand.changes();
    const path = join(stand.mounted.overlay.upper, 'large');
    holders.push(await leaseOn([path], 'gives-way'));
    const { by, gaps } = await stand.take(changes, { mode: 'all' });
    expect(gaps).toEqual([]);
    expect(by.get('large')).toMatchObject({ sha256: sha256Of(readFileSync(path)), size: 34_000_000, known: false });
    expect(by.get('large')).not.toHaveProperty('unstable');
  } finally {
    stand.close();
  }
});

it('holds up the listing for one file alone where its attributes cannot be read, and that is told', async () => {
  mounted = realOverlay(['mkdir a'], '');
  mounted.inContainer('echo x > before; echo x > held; echo x > program; setcap cap_net_raw+ep program');
  // On the upper directory's own file: through the merged mount the container cannot.
  holders.push(await leaseOn([join(mounted.overlay.upper, 'held')], 'holds'));
  const began = performance.now();
  const { rows, problems } = await changesOn(mounted);
  expect(performance.now() - began).toBeLessThan(30_000);
  expect(rows.get('program')).toMatchObject({ capabilities: expect.stringContaining('cap_net_raw') as unknown });
  expect([...rows.keys()].sort()).toEqual(['before', 'held', 'program']);
  expect(problems).toEqual([{ path: Buffer.from('held'), reason: 'attributes', detail: 'the extended attributes of the file could not be read' }]);
});
