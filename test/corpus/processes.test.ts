import { corpus } from './group.js';
import { processes } from './processes.js';

// What runs: processes that stay while the pod is read.
corpus({ name: 'what runs', cases: processes });
