import type { Findings } from './findings.js';
import { isBagPath, payloadFiles, tagFiles } from './layout.js';
import type { BagEntry, BagReader } from './reader.js';

const folder = /^data(?:\/artifacts|\/reports(?:\/[1-9][0-9]{0,8})?)?$/;

/** Files without which a bag of ours is none. */
const required = [
  ...Object.values(tagFiles),
  payloadFiles.artifacts,
  payloadFiles.steps,
  payloadFiles.lookups,
  payloadFiles.amendments,
  payloadFiles.custody,
  payloadFiles.checkpoint,
  payloadFiles.register,
  payloadFiles.keys,
];

/** Says whether there is anything to check at all. */
export function isBag({ entries }: BagReader): boolean {
  const signs: ReadonlySet<string> = new Set([tagFiles.declaration, tagFiles.manifest, payloadFiles.custody]);
  return entries.some(({ path }) => signs.has(path));
}

/**
 * Checks that a bag has the files that it must have, and nothing that none has.
 * @returns the files that can be read, by path
 */
export function checkStructure(bag: BagReader, findings: Findings): ReadonlyMap<string, BagEntry> {
  const files = new Map<string, BagEntry>();
  const seen = new Set<string>();
  for (const trouble of bag.troubles) findings.problem('structure', '', trouble);
  for (const entry of bag.entries) {
    findings.checked('structure');
    const fault = faultOf(entry, seen.has(entry.path));
    if (fault !== undefined) findings.problem('structure', entry.path, fault);
    // Of two files with one path nobody knows which is meant.
    if (seen.has(entry.path)) files.delete(entry.path);
    else if (fault === undefined && entry.type === 'file') files.set(entry.path, entry);
    seen.add(entry.path);
  }
  for (const path of required) if (!seen.has(path)) findings.problem('structure', path, 'is missing');
  return files;
}

function faultOf({ path, type, trouble }: BagEntry, twice: boolean): string | undefined {
  if (trouble !== undefined) return trouble;
  if (twice) return 'stands there more than once';
  if (type === 'link') return 'is a symbolic link; a bag holds files only';
  if (type === 'other') return 'is neither a file nor a folder';
  if (type === 'folder') return folder.test(path) ? undefined : 'is a folder that no bag has';
  return isBagPath(path) ? undefined : 'is a file that no bag has';
}
