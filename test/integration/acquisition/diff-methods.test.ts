import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readListing } from '../../../playbooks/acquisition/ndjson.js';
import { type Change, changeSchema } from '../../../playbooks/domain/change.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { type Facts, factSchemas, type NodeContainer } from '../../../playbooks/facts.js';
import type { NodeSession, StepContext } from '../../../playbooks/ports.js';
import { diffFilesystem } from '../../../playbooks/steps/diff-filesystem.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { localNode } from '../../support/local-node.js';
import { type RealOverlay, realOverlay } from '../../support/overlay.js';
import { localContext } from '../../support/step-context.js';

let folder: string;
let overlays: RealOverlay[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-diff-'));
  overlays = [];
});

afterEach(() => {
  for (const each of overlays) each.remove();
  rmSync(folder, { recursive: true, force: true });
});

function container(name: string, more: Partial<NodeContainer>): NodeContainer {
  const same = { kind: 'container', instance: 'current', state: 'running', runtime: 'containerd' } as const;
  return { ...same, name, id: name.padEnd(64, '0'), volumes: [], mountPaths: [], ...more };
}

function withOverlay(name: string, script: string): NodeContainer {
  const real = realOverlay(['echo image > file']);
  overlays.push(real);
  real.inContainer(script);
  return container(name, { overlay: real.overlay, rootfs: real.overlay.merged });
}

/** A stand-in for nerdctl, which prints what `nerdctl diff` would. */
function nerdctl(lines: string): string[] {
  const program = join(folder, 'nerdctl');
  writeFileSync(`${program}.out`, Buffer.from(lines, 'latin1'));
  writeFileSync(program, '#!/bin/sh\n[ "$1 $2 $3" = "-n k8s.io diff" ] && cat "$0.out"\n');
  chmodSync(program, 0o755);
  return [program];
}

/** A whole copy of an image, as snapshotters without upper directories keep it. */
function copy(name: string, fill: (root: string) => void): NodeContainer {
  const rootfs = join(folder, name);
  mkdirSync(rootfs);
  fill(rootfs);
  return container(name, { rootfs });
}

async function diff(
  containers: readonly NodeContainer[],
  more: Partial<StepContext> = {},
  params: object = {},
): Promise<{ rows: Change[]; changes: Facts['changes']; gaps: readonly { subject: string; reason: string }[] }> {
  const evidence = await createDiskEvidence(join(folder, 'evidence'), { hostname: 'here', machineId: 'one' });
  const { signal } = new AbortController();
  const { ctx, gaps } = localContext(evidence, signal);
  const target = { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u' };
  const board = { target, node: { name: 'local', address: '127.0.0.1' }, containers: [...containers] };
  const facts = await diffFilesystem.bind(params)(board, { ...ctx, nerdctl: ['false'], ...more });
  const changes = factSchemas.changes.parse(facts.changes);
  return { changes, gaps, rows: await readListing(evidence, changes.sha256, changeSchema) };
}

const paths = (rows: readonly Change[]) => rows.map(({ container: name, kind, path, method }) => `${name} ${method} ${kind} ${path.text}`);

describe('method auto', () => {
  it('compares where there is an upper directory, asks nerdctl where there is none, and tells each row which', async () => {
    const web = withOverlay('web', 'echo new > added; echo changed > file');
    const plain = copy('plain', (root) => {
      mkdirSync(join(root, 'etc'));
      writeFileSync(join(root, 'etc', 'suid'), 'x'.repeat(100));
      chmodSync(join(root, 'etc', 'suid'), 0o4755);
      symlinkSync('/etc/shadow', join(root, 'link'));
    });
    const { rows, changes, gaps } = await diff([web, plain], { nerdctl: nerdctl('C /\nC /etc\nA /etc/suid\nA /link\nD /gone\n') });
    expect(paths(rows)).toEqual([
      'plain nerdctl added etc/suid',
      'plain nerdctl deleted gone',
      'plain nerdctl added link',
      'web overlay added added',
      'web overlay changed file',
    ]);
    expect(rows[0]).toMatchObject({ type: 'file', mode: '4755', size: 100, uid: 0 });
    expect(rows[2]).toMatchObject({ type: 'symlink', target: { text: '/etc/shadow' } });
    expect(changes.method).toBe('overlay');
    expect(gaps).toEqual([]);
  });

  it('does not follow a link on the way to a path, and says how many paths were not there', async () => {
    const plain = copy('plain', (root) => {
      symlinkSync('/etc', join(root, 'lib'));
    });
    const { rows, changes, gaps } = await diff([plain], { nerdctl: nerdctl('A /lib\nA /lib/passwd\nA /forged\nline\n') });
    expect(rows.find(({ path }) => path.text === 'lib/passwd')).toMatchObject({ type: 'unknown' });
    expect(rows.find(({ path }) => path.text === 'lib/passwd')?.size).toBeUndefined();
    expect(gaps).toMatchObject([{ reason: 'unreadable-line' }, { reason: 'unreadable-line', detail: expect.stringMatching(/^2 paths/) as string }]);
    expect(changes.method).toBe('nerdctl');
  });

  it('makes a gap of a container that cannot be read when others can', async () => {
    const { rows, gaps } = await diff([withOverlay('web', 'touch new'), container('crio', { runtime: 'cri-o', rootfs: folder })]);
    expect(paths(rows)).toEqual(['web overlay added new']);
    expect(gaps).toMatchObject([{ subject: 'container crio (current instance)', reason: 'unsupported-snapshotter' }]);
  });

  it('makes a gap of an instance whose files were removed since it was found', async () => {
    const gone = { upper: join(folder, 'gone'), lowers: [folder], metacopy: false, redirects: false, userxattr: false };
    const { rows, gaps } = await diff([withOverlay('web', 'touch new'), container('web', { instance: 'previous', state: 'ended', overlay: gone })]);
    expect(paths(rows)).toEqual(['web overlay added new']);
    expect(gaps).toMatchObject([{ subject: 'container web (previous instance)', reason: 'pod-gone' }]);
  });

  it('fails when none can be read', async () => {
    await expect(diff([container('crio', { runtime: 'cri-o', rootfs: folder })])).rejects.toMatchObject({ code: 'unsupported-snapshotter' });
  });

  it('says that nerdctl is missing, and why it is asked for', async () => {
    const local = localNode();
    const without: NodeSession = {
      ...local,
      start: (command, stop) =>
        command.name === 'nerdctl-diff' ? Promise.reject(new TriageError('tool-missing', 'exit 127')) : local.start(command, stop),
    };
    const failing = diff([copy('plain', () => undefined)], { nodes: { connect: () => Promise.resolve(without) } });
    await expect(failing).rejects.toMatchObject({
      code: 'tool-missing',
      message: expect.stringMatching(/no upper directory.*has no false.*PODTRIAGE_NERDCTL/s) as string,
    });
  });
});

describe('method overlay', () => {
  it('names the method that works instead', async () => {
    await expect(diff([copy('plain', () => undefined)], {}, { method: 'overlay' })).rejects.toMatchObject({
      code: 'unsupported-snapshotter',
      message: expect.stringContaining('method nerdctl') as string,
    });
  });
});

it('tells the rows of an instance before a restart from those of the current one', async () => {
  const [now, before] = [withOverlay('web', 'touch a'), withOverlay('web', 'touch a')];
  const previous: NodeContainer = { ...before, id: '1'.repeat(64), instance: 'previous', state: 'ended' };
  const { rows } = await diff([previous, now]);
  expect(rows.map(({ instance, containerId }) => [instance, containerId])).toEqual([
    [undefined, now.id],
    ['previous', previous.id],
  ]);
});
