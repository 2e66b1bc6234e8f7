import { createDiskEvidence } from '../../../store/evidence/disk.js';

/** A process of its own that puts small files, a thousand at a time, as often as it is told, and prints a line after each thousand: FOLDER TIMES. */
const [folder = '', times = '1'] = process.argv.slice(2);
const store = await createDiskEvidence(folder);
const signal = new AbortController().signal;
for (let time = 0; time < Number(times); time += 1) {
  const puts = Array.from({ length: 1_000 }, (_, index) => store.put([Buffer.from(`small ${time} ${index}`)], signal));
  const stored = await Promise.all(puts);
  process.stdout.write(`${stored.filter(({ existed }) => !existed).length}\n`);
}
