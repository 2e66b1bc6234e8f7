import { leasesBreakAfter } from '../support/lease.js';
import { corpus } from './group.js';
import { leases } from './leases.js';
import { volumesShape } from './volumes.js';

let setBack: (() => void) | undefined;

corpus({
  name: 'what makes wait',
  shape: volumesShape,
  cases: leases,
  kernel: {
    during: 'run',
    set: () => (setBack = leasesBreakAfter(10)),
    reset: () => setBack?.(),
  },
});
