import type { Redis } from 'ioredis';
import { keySet } from '../../../api/key-set.js';
import { writeBagFolder } from '../../../cli/bag/write-bag.js';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { openBag } from '../../../store/bag/open-bag.js';
import { RedisBagSource } from '../../../store/bag/source.js';
import type { EvidenceActs } from '../../../store/evidence-acts.js';
import type { Keys } from '../../../store/keys.js';
import { PublicKeys } from '../../../store/public-keys.js';
import type { RunReader } from '../../../store/run-view.js';

/** What bags are made of. */
export interface BagParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly reader: RunReader;
  readonly acts: EvidenceActs;
  readonly evidence: EvidencePort;
  /** Of the public keys. */
  readonly folder: string;
}

/** Makes a bag as the service does and writes it as the command does. */
export async function writeBag({ redis, keys, reader, acts, evidence, folder }: BagParts, run: string, path: string): Promise<void> {
  const maker = {
    runs: reader,
    source: new RedisBagSource(redis, keys, 30_000),
    evidence,
    acts,
    keySet: async () => keySet(await new PublicKeys(folder).all()),
  };
  await writeBagFolder(await openBag(maker, { run, form: 'plain', by: 'key:storm', format: 'tar', at: new Date() }), path);
}
