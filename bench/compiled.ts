import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Gives `act` the folder of this bench's programs as they are released: the loader of TypeScript alone takes 150 MiB, and what it loads is slower.
 */
export async function compiled<T>(act: (programs: string) => Promise<T>): Promise<T> {
  const root = join(import.meta.dirname, '..');
  const out = await mkdtemp(join(root, 'node_modules', '.podtriage-bench-'));
  try {
    await writeFile(join(out, 'package.json'), '{ "type": "module" }');
    const tsc = join(root, 'node_modules', '.bin', 'tsc');
    await promisify(execFile)(tsc, ['-p', root, '--noCheck', '--noEmit', 'false', '--outDir', out]);
    return await act(join(out, 'bench'));
  } finally {
    await rm(out, { recursive: true });
  }
}
