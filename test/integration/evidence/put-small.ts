import { createDiskEvidence } from '../../../store/evidence/disk.js';

/** A process of its own that puts many small files at once, as often as it is told, and says each time how many were new: FOLDER TIMES FILES. */
const [folder = '', times = '1', files = '1000'] = process.argv.slice(2);
const store = await createDiskEvidence(folder);
const signal = new AbortController().signal;
for (let time = 0; time < Number(times); time += 1) {
  const puts = Array.from({ length: Number(files) }, (_, index) => store.put([Buffer.from(`small ${time} ${index}`)], signal));
  const stored = await Promise.all(puts);
  process.stdout.write(`${stored.filter(({ existed }) => !existed).length}\n`);
}
