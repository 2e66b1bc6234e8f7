import { randomUUID } from 'node:crypto';
import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { onStore } from './fs-error.js';

/** A file that is older has been left by a process that was killed: no step takes so long. */
const staleMs = 24 * 60 * 60 * 1000;

/** Where bytes wait until they may be kept. What a killed process left there is removed when it is a day old: at the start, and once a day after. */
export class TemporaryFolder {
  private sweptAt = Date.now();

  private constructor(private readonly folder: string) {}

  /** Makes the folder where it is missing. Throws `store-unwritable`, `store-full`. */
  static async open(folder: string): Promise<TemporaryFolder> {
    await onStore(`make the folder ${folder}`, () => mkdir(folder, { recursive: true, mode: 0o700 }));
    await onStore('remove old temporary files', () => sweep(folder));
    return new TemporaryFolder(folder);
  }

  /** A path that nobody else uses. */
  next(): string {
    if (Date.now() - this.sweptAt > staleMs) {
      this.sweptAt = Date.now();
      sweep(this.folder).catch(() => undefined);
    }
    return join(this.folder, randomUUID());
  }
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > staleMs) await unlink(path).catch(() => undefined);
  }
}
