import { join } from 'node:path';
import { keySet } from '../../../api/key-set.js';
import { writeBagFolder, writeBagZip } from '../../../cli/bag/write-bag.js';
import type { BagForm } from '../../../store/bag/bag-material.js';
import { openBag } from '../../../store/bag/open-bag.js';
import { RedisBagSource } from '../../../store/bag/source.js';
import { RedisEvidenceActs } from '../../../store/evidence-acts.js';
import { PublicKeys } from '../../../store/public-keys.js';
import type { BagStand } from './bag-stand.js';

/** A bag as the service makes it, written as the command does. */
export async function makeBag(stand: BagStand, run: string, to: string, form: BagForm, container: 'folder' | 'zip' = 'folder'): Promise<string> {
  const { redis, keys, custody, reader, folder } = stand.engine;
  const maker = {
    runs: reader,
    source: new RedisBagSource(redis, keys),
    evidence: stand.evidence,
    acts: new RedisEvidenceActs(custody, reader),
    keySet: async () => keySet(await new PublicKeys(folder).all()),
  };
  const files = await openBag(maker, { run, form, by: 'key:test', format: container, at: new Date() });
  const path = join(stand.folder, to);
  await (container === 'zip' ? writeBagZip(files, run, path) : writeBagFolder(files, path));
  return path;
}
