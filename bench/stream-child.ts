import { json } from 'node:stream/consumers';
import { acquire, type Listed } from './acquisition.js';

/** Takes the listed files (stdin) of a pod again and again, and prints the most memory that this process had, in MiB: POD TIMES STORES. */
const [pod = '', times = '1', stores = ''] = process.argv.slice(2);
const listed = (await json(process.stdin)) as Listed;
for (let time = 0; time < Number(times); time += 1) await acquire(pod, listed, '', stores);
// In KiB (getrusage(2)).
process.stdout.write(String(Math.round(process.resourceUsage().maxRSS / 1024)));
