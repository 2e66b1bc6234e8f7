import { writeFileSync } from 'node:fs';
import { corpus } from './group.js';
import { leases } from './leases.js';
import { volumesShape } from './volumes.js';

/** After how many seconds the kernel breaks a lease. */
const breakAfter = (seconds: number) => () => writeFileSync('/proc/sys/fs/lease-break-time', String(seconds));

// The volumes are read one after the other, and each has leases: with the kernel's 45 s a run would take four minutes.
corpus({ name: 'what makes wait', shape: volumesShape, cases: leases, kernel: { during: 'run', set: breakAfter(10), reset: breakAfter(45) } });
