import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Overlay } from '../../../playbooks/facts.js';
import { localNode } from '../../support/local-node.js';
import { changesOn, inShort, type RealOverlay, realOverlay } from '../../support/overlay.js';

let mounted: RealOverlay | undefined;
let folder: string | undefined;

afterEach(() => {
  mounted?.remove();
  mounted = undefined;
  // Node's own rm cannot reach paths beyond PATH_MAX.
  if (folder !== undefined) execFileSync('rm', ['-rf', folder]);
  folder = undefined;
});

/** Directories as an overlay has them, without a mount: its options would not fit into the one page that mount(2) takes. */
function unmounted(upper: string, lowers: readonly string[]): Overlay {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-layers-'));
  const [top = '', ...rest] = [upper, ...lowers].map((script, index) => {
    const path = join(folder ?? '', String(index));
    mkdirSync(path);
    execFileSync('bash', ['-euc', script], { cwd: path });
    return path;
  });
  return { upper: top, lowers: rest, metacopy: false, redirects: false, userxattr: false };
}

const deep = (name: string, levels: number, inside: string): string =>
  `python3 -c 'import os\nfor _ in range(${levels}): os.mkdir("${name}"); os.chdir("${name}")\nopen("${inside}", "w").close()'`;

describe('overlayDiff at scale', () => {
  it('asks 120 layers in one command, and each has its say', async () => {
    const layers = Array.from({ length: 120 }, (_, number) => `mkdir d; echo ${number} > d/f${number}; chmod ${number % 2 ? 600 : 644} d/f${number}`);
    const overlay = unmounted('mkdir d; for i in $(seq 0 130); do echo n > d/f$i; done', layers);
    const commands: string[] = [];
    const session = localNode({ onStart: ({ name }) => commands.push(name) });
    const { rows, problems } = await changesOn({ overlay: { ...overlay, merged: '' } }, {}, 1_000, session);
    expect([problems, commands]).toEqual([[], ['layers-walk']]);
    expect([...rows.values()].filter(({ kind }) => kind === 'changed')).toHaveLength(120);
    expect(rows.get('d/f77')).toMatchObject({ kind: 'changed', modeBefore: '0600' });
    expect([...rows.values()].filter(({ kind }) => kind === 'added')).toHaveLength(11);
  });

  it('lists 20,000 files of one directory and 10,000 of many', async () => {
    const upper =
      'mkdir -p d many; cd d; seq 20000 | xargs touch; cd ../many; for i in $(seq 100); do mkdir $i; (cd $i; seq 100 | xargs touch); done';
    const overlay = unmounted(upper, ['mkdir d; cd d; seq 10000 | xargs touch', 'mkdir d many']);
    const { rows, problems, complete } = await changesOn({ overlay: { ...overlay, merged: '' } });
    expect([complete, problems]).toEqual([true, []]);
    const kinds = [...rows.values()].map(({ kind }) => kind);
    expect([kinds.filter((kind) => kind === 'changed').length, kinds.filter((kind) => kind === 'added').length]).toEqual([10_000, 20_100]);
  });

  it('says what it left out when there is more than may be listed, and decides the rest against the layers', async () => {
    mounted = realOverlay(['mkdir d; cd d; seq 3000 | xargs touch']);
    mounted.inContainer('cd d; for i in $(seq 3000); do echo x > $i; done');
    const { rows, complete } = await changesOn(mounted, {}, 1_000);
    expect(complete).toBe(false);
    // The directory itself was only copied up.
    expect(rows.size).toBe(999);
    expect(new Set([...rows.values()].map(({ kind }) => kind))).toEqual(new Set(['changed']));
  });

  it('says so, too, when what was deleted is more', async () => {
    mounted = realOverlay(['mkdir d; cd d; seq 3000 | xargs touch']);
    mounted.inContainer('rm -r d');
    const { rows, complete } = await changesOn(mounted, {}, 1_000);
    expect(complete).toBe(false);
    expect(rows.size).toBeGreaterThan(900);
  });
});

describe('paths that are deep or long', () => {
  it('of 500 levels are listed', async () => {
    mounted = realOverlay(['mkdir d']);
    mounted.inContainer(`cd d; ${deep('a', 500, 'f')}`);
    const { rows, problems } = await changesOn(mounted);
    expect(problems).toEqual([]);
    expect(rows.size).toBe(501);
  });

  it('of more than 4,096 bytes are listed as added where their directory is not in the image', async () => {
    mounted = realOverlay(['mkdir d']);
    mounted.inContainer(`cd d; ${deep('n'.repeat(200), 25, 'f')}`);
    const { rows, problems } = await changesOn(mounted);
    expect(problems).toEqual([]);
    expect([...rows.values()].filter(({ kind }) => kind === 'added')).toHaveLength(26);
  });

  it('of more than an argument can hold stop nothing; those that no row can hold are named', async () => {
    mounted = realOverlay(['touch a b']);
    mounted.inContainer(`rm b; echo x > a; mkdir c; cd c; ${deep('n'.repeat(250), 600, 'f')}`);
    const { rows, problems } = await changesOn(mounted);
    expect(problems.map(({ reason }) => reason)).toEqual(['path-too-long']);
    expect(problems[0]?.detail).toMatch(/and 361 more/);
    expect([rows.get('a')?.kind, rows.get('b')?.kind, rows.size]).toEqual(['changed', 'deleted', 2 + 604 - 2 - 362]);
  });

  it('are named where the image may have them', async () => {
    const tree = deep('n'.repeat(200), 25, 'f');
    const overlay = unmounted(`${tree}; touch x`, [tree]);
    const { rows, problems } = await changesOn({ overlay: { ...overlay, merged: '' } });
    expect(problems.map(({ reason }) => reason)).toEqual(['path-too-long']);
    expect(problems[0]?.detail).toMatch(/and 5 more/);
    expect(inShort(rows.values()).filter((row) => row.endsWith('/f') || row.endsWith(' x'))).toHaveLength(2);
  });

  it('of the image that are too long are named when their directory is deleted', async () => {
    const overlay = unmounted('touch d', [`mkdir d; cd d; ${deep('n'.repeat(200), 25, 'f')}`]);
    const { rows, problems } = await changesOn({ overlay: { ...overlay, merged: '' } });
    expect(problems.map(({ reason }) => reason)).toEqual(['path-too-long']);
    expect([...rows.values()].filter(({ kind }) => kind === 'deleted')).toHaveLength(20);
  });
});
