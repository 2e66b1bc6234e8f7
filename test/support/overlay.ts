import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Overlay } from '../../playbooks/facts.js';

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
    overlay: { merged, upper, lowers, metacopy: options.includes('metacopy=on'), redirects: options.includes('redirect_dir=on'), userxattr: false },
    inContainer: (script) => shell(merged, script),
    remove() {
      execFileSync('umount', [merged]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function shell(cwd: string, script: string): void {
  execFileSync('bash', ['-euc', script], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
