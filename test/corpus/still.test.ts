import { corpus } from './group.js';
import { fileCap, kinds, links, times } from './kinds.js';
import { names } from './names.js';
import { overlay } from './overlay.js';
import { volumes, volumesShape } from './volumes.js';

// What stands still: all of it in one pod of each node, read in one run.
corpus({
  name: 'what stands still',
  shape: volumesShape,
  options: { limits: { fileBytes: fileCap } },
  cases: [...names, ...links, ...kinds, ...times, ...overlay, ...volumes],
});
