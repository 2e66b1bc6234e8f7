import { stat } from 'node:fs/promises';
import type { Verification } from '../../../playbooks/bag/verification.js';
import { verifyBag } from '../../../playbooks/bag/verify-bag.js';
import { openFolder } from '../../../store/bag/folder-reader.js';
import { openZip } from '../../../store/bag/zip-reader.js';

/** Verifies a bag on the disk, whatever it is: a folder or a zip. */
export async function verified(path: string): Promise<Verification> {
  const bag = await ((await stat(path)).isFile() ? openZip : openFolder)(path);
  try {
    return await verifyBag(bag);
  } finally {
    await bag.close();
  }
}
