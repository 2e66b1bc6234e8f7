import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeOfDifference } from '../../playbooks/acquisition/changes/change-rows.js';
import type { DiffProblem } from '../../playbooks/acquisition/changes/diff-problem.js';
import { overlayDiff } from '../../playbooks/acquisition/changes/overlay-diff.js';
import type { Change } from '../../playbooks/domain/change.js';
import type { NodeContainer, Overlay } from '../../playbooks/facts.js';
import type { NodeSession } from '../../playbooks/ports.js';
import { localNode } from './local-node.js';

/** A real overlay mount of this machine, and its end. */
export interface RealOverlay {
  readonly folder: string;
  readonly overlay: Overlay & { readonly merged: string };
  /** Runs a shell script in the merged tree, as a container would. */
  inContainer(script: string): void;
  remove(): void;
}

/** Mounts an overlay over layers that are filled by shell scripts, the topmost first. */
export function realOverlay(layers: readonly string[], options = ''): RealOverlay {
  const folder = mkdtempSync(join(tmpdir(), 'podtriage overlay-'));
  const [merged, upper, work] = ['merged', 'upper', 'work'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [merged, upper, work]) mkdirSync(path);
  const lowers = layers.map((script, index) => {
    const lower = join(folder, `lower${index}`);
    mkdirSync(lower);
    shell(lower, script);
    return lower;
  });
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}${options}`, merged]);
  return {
    folder,
    overlay: {
      merged,
      upper,
      lowers,
      metacopy: options.includes('metacopy=on'),
      redirects: options.includes('redirect_dir=on'),
      userxattr: options.includes('userxattr'),
    },
    inContainer: (script) => shell(merged, script),
    remove() {
      execFileSync('umount', [merged]);
      // Node's own rm cannot reach paths beyond PATH_MAX.
      execFileSync('rm', ['-rf', folder]);
    },
  };
}

/** The differences of a real overlay as rows, by path, and what could not be had. */
export async function changesOn(
  { overlay }: Pick<RealOverlay, 'overlay'>,
  more: Partial<NodeContainer> = {},
  most = 100_000,
  session: NodeSession = localNode(),
): Promise<{ rows: ReadonlyMap<string, Change>; problems: readonly DiffProblem[]; complete: boolean }> {
  const container: NodeContainer = {
    name: 'web',
    id: 'c'.repeat(64),
    kind: 'container',
    instance: 'current',
    state: 'running',
    runtime: 'containerd',
    overlay,
    volumes: [],
    mountPaths: [],
    ...more,
  };
  const { idMaps } = container;
  const signal = new AbortController().signal;
  const diff = await overlayDiff(session, { overlay: container.overlay ?? overlay, ...(idMaps === undefined ? {} : { idMaps }) }, most, signal);
  const rows = diff.differences.map((difference) => changeOfDifference(container, difference));
  if (new Set(rows.map(({ path }) => path.b64)).size !== rows.length) throw new Error('a path is listed twice');
  return { rows: new Map(rows.map((row) => [row.path.text, row])), problems: diff.problems, complete: diff.complete };
}

/** Rows in short: kind, type, path, and where it was renamed from. */
export function inShort(rows: Iterable<Change>): string[] {
  return [...rows]
    .map(({ kind, type, path, renamedFrom }) => `${kind} ${type} ${path.text}${renamedFrom === undefined ? '' : ` from ${renamedFrom.text}`}`)
    .sort();
}

/** For scripts: `mark PATH NAME VALUE` sets an extended attribute. */
const mark = `mark() { python3 -c 'import os, sys; os.setxattr(os.fsencode(sys.argv[1]), sys.argv[2], sys.argv[3].encode())' "$@"; }\n`;

function shell(cwd: string, script: string): void {
  execFileSync('bash', ['-euc', mark + script], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
