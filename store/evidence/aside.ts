import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { linkNew, syncFolder } from './folder.js';
import { onStore, systemCode } from './fs-error.js';
import { placeOf } from './names.js';

/** A file that stands aside for longer was left there by a process that died: who still lives puts it back or ends it within seconds. */
const leftMs = 5 * 60_000;

const asideName = /^[0-9a-f]{64}\./;

/**
 * The way out of a store on disk: a file that is to go is first put aside under a name of its own. Who was suspended just before that, and woke
 * up after others had put the same bytes anew, has then lost nothing yet: it finds out, and gives them their name back.
 */
export class Aside {
  private readonly folder: string;

  /** @param root of the store; its folder `aside` must be there */
  constructor(private readonly root: string) {
    this.folder = join(root, 'aside');
  }

  /** Removes a file for good. What was said to be destroyed is not there again after a power cut. */
  async remove(sha256: string, stillDoomed: () => Promise<boolean>): Promise<void> {
    await onStore('remove a file', async () => {
      if (!(await stillDoomed())) return;
      // First those that others have left: they could be put back behind our back.
      for (const name of await this.namesOf(sha256)) await this.end(name);
      const name = `${sha256}.${randomUUID()}`;
      if (!(await moved(this.path(sha256), join(this.folder, name)))) return;
      await syncFolder(dirname(this.path(sha256)));
      if (await stillDoomed()) await this.end(name);
      else await this.back(name);
      await syncFolder(this.folder);
    });
  }

  /** Puts back what a process that died has left aside: whether it may go is for the next one to ask. */
  async putBack(olderThanMs = leftMs): Promise<void> {
    await onStore('put files back', async () => {
      for (const name of (await readdir(this.folder)).filter((each) => asideName.test(each))) {
        const info = await stat(join(this.folder, name)).catch(() => undefined);
        if (info !== undefined && Date.now() - info.ctimeMs >= olderThanMs) await this.back(name);
      }
    });
  }

  /** Where content is that has no name in the store at the moment. */
  async pathsOf(sha256: string): Promise<readonly string[]> {
    return (await this.namesOf(sha256)).map((name) => join(this.folder, name));
  }

  private async namesOf(sha256: string): Promise<readonly string[]> {
    return (await readdir(this.folder)).filter((name) => name.startsWith(`${sha256}.`));
  }

  private async back(name: string): Promise<void> {
    const path = this.path(name.slice(0, 64));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Another one may have ended it; who has put the bytes anew has given them their name.
    const linked = await linkNew(join(this.folder, name), path).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
      return false;
    });
    if (linked) await syncFolder(dirname(path));
    await this.end(name);
  }

  private async end(name: string): Promise<void> {
    await unlink(join(this.folder, name)).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
    });
  }

  private path(sha256: string): string {
    return join(this.root, placeOf(sha256));
  }
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
