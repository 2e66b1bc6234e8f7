import type { Answer, Order } from './acquirer.js';
import { acquire } from './acquisition.js';

/** Takes files of a pod as often as its parent says, and tells what came and the most memory that this process has had, in MiB. */
process.on('message', ({ pod, listed, folder, stores }: Order) => {
  void acquire(pod, listed, folder, stores).then((taken) => {
    // In KiB (getrusage(2)).
    const answer: Answer = { ...taken, peakMib: Math.round(process.resourceUsage().maxRSS / 1024) };
    process.send?.(answer);
  });
});
