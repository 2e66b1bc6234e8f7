import { createDiskEvidence } from '../../../store/evidence/disk.js';

/** A process of its own for the test of many: puts the same bytes ten times and prints how often they were new. */
const [folder = '', seed = '0'] = process.argv.slice(2);
const store = await createDiskEvidence(folder);
const signal = new AbortController().signal;
let fresh = 0;
for (let round = 0; round < 10; round += 1) {
  const stored = await store.put([Buffer.alloc(300_000, `${seed}${round}`)], signal);
  if (!stored.existed) fresh += 1;
}
process.stdout.write(String(fresh));
