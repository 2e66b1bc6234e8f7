import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../playbooks/domain/json.js';

const bagName = /^podtriage-[a-z0-9]{1,63}(?:\.zip)?$/;
/** Of far more bags than anybody exports at once. */
const maxIndexBytes = 64 * 1024 * 1024;
const indexSchema = z.array(z.object({ bag: z.string().regex(bagName) }));

/** The bags in a folder that `podtriage export` has made of several runs: those in its index, and any other. Undefined for another folder. */
export async function bagsIn(folder: string): Promise<readonly string[] | undefined> {
  const index = indexSchema.safeParse(parseJson(await indexOf(folder).catch(() => '')));
  if (!index.success) return undefined;
  const there = (await readdir(folder)).filter((name) => bagName.test(name));
  return [...new Set([...index.data.map(({ bag }) => bag), ...there])].sort();
}

/** A link or a FIFO is no index: whoever has made the folder could have us wait, or read without end. */
async function indexOf(folder: string): Promise<string> {
  const path = join(folder, 'index.json');
  const found = await lstat(path);
  return found.isFile() && found.size <= maxIndexBytes ? readFile(path, 'utf8') : '';
}
