import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../playbooks/domain/json.js';

const bagName = /^podtriage-[a-z0-9]{1,63}(?:\.zip)?$/;
const indexSchema = z.array(z.object({ bag: z.string().regex(bagName) }));

/** The bags in a folder that `podtriage export` has made of several runs: those in its index, and any other. Undefined for another folder. */
export async function bagsIn(folder: string): Promise<readonly string[] | undefined> {
  const index = indexSchema.safeParse(parseJson(await readFile(join(folder, 'index.json'), 'utf8').catch(() => '')));
  if (!index.success) return undefined;
  const there = (await readdir(folder)).filter((name) => bagName.test(name));
  return [...new Set([...index.data.map(({ bag }) => bag), ...there])].sort();
}
