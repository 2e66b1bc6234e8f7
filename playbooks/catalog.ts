import type { Step } from './step.js';
import { checkPackages } from './steps/check-packages.js';
import { diffFilesystem } from './steps/diff-filesystem.js';
import { exportFiles } from './steps/export-files.js';
import { hashFiles } from './steps/hash-files.js';
import { judge } from './steps/judge.js';
import { listContainers } from './steps/list-containers.js';
import { listProcesses } from './steps/list-processes.js';
import { locateNode } from './steps/locate-node.js';
import { lookupHashes } from './steps/lookup-hashes.js';
import { readLogs } from './steps/read-logs.js';
import { uploadUnknown } from './steps/upload-unknown.js';
import { writeReport } from './steps/write-report.js';

/** Every step that a playbook may name. */
export const catalog: readonly Step[] = [
  locateNode,
  listContainers,
  readLogs,
  listProcesses,
  diffFilesystem,
  checkPackages,
  exportFiles,
  hashFiles,
  lookupHashes,
  uploadUnknown,
  judge,
  writeReport,
];
