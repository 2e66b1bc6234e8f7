import type { Step } from './step.js';
import { diffFilesystem } from './steps/diff-filesystem.js';
import { exportFiles } from './steps/export-files.js';
import { hashFiles } from './steps/hash-files.js';
import { judge } from './steps/judge.js';
import { listContainers } from './steps/list-containers.js';
import { listProcesses } from './steps/list-processes.js';
import { locateNode } from './steps/locate-node.js';
import { lookupHashes } from './steps/lookup-hashes.js';
import { writeReport } from './steps/write-report.js';

/** Every step that a playbook may name. */
export const catalog: readonly Step[] = [
  locateNode,
  listContainers,
  listProcesses,
  diffFilesystem,
  exportFiles,
  hashFiles,
  lookupHashes,
  judge,
  writeReport,
];
