import { moving } from './churn.js';
import { corpus } from './group.js';
import { volumesShape } from './volumes.js';

// What never holds still. Read more than once, as a race is lost only sometimes.
corpus({ name: 'what moves', shape: volumesShape, cases: moving, runs: 4, withinMs: 60_000 });
