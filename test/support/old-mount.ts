import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The environment of a node whose mount(8) or kernel does not know `nosymfollow`: it refuses it, or takes it without a word and does nothing,
 * as kernels before 5.10 and util-linux before 2.38 do.
 */
export function oldMount(folder: string, how: 'refuses' | 'ignores'): Record<string, string> {
  const bin = join(folder, 'old-bin');
  mkdirSync(bin, { recursive: true });
  const mount = execFileSync('sh', ['-c', 'command -v mount'], { encoding: 'utf8' }).trim();
  const refuse = 'case "$*" in *nosymfollow*) echo "mount: unknown option" >&2; exit 32;; esac';
  const ignore =
    'for each; do shift; case $each in *nosymfollow,*) each=${each%%nosymfollow,*}${each#*nosymfollow,};; esac; set -- "$@" "$each"; done';
  writeFileSync(join(bin, 'mount'), `#!/bin/sh\n${how === 'refuses' ? refuse : ignore}\nexec ${mount} "$@"\n`);
  chmodSync(join(bin, 'mount'), 0o755);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}
