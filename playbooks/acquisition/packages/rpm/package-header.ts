import type { PackageDigest } from '../../../domain/package.js';
import { shortText } from '../../../domain/short-text.js';
import type { Claims } from '../claims.js';
import { maxNameLength } from '../dpkg.js';
import { HeaderFields, tags } from './header-fields.js';
import type { WantedPaths } from './wanted-paths.js';

/** Numbers of digests (rpm, "RPM tags", FILEDIGESTALGO, after RFC 4880); md5 where there is none. Others cannot be compared. */
const algorithms: Readonly<Record<number, { readonly algorithm: PackageDigest['algorithm']; readonly form: RegExp }>> = {
  1: { algorithm: 'md5', form: /^[0-9a-f]{32}$/ },
  2: { algorithm: 'sha1', form: /^[0-9a-f]{40}$/ },
  8: { algorithm: 'sha256', form: /^[0-9a-f]{64}$/ },
};

/** Bits of a file's flags. A ghost is a name that the package only reserves. */
const config = 1 << 0;
const ghost = 1 << 6;

/** Of a file's states, the one of a file that is there as the package has it: others were left out, or replaced by another package's. */
const normal = 0;

const maxDigestLength = 64;

/** Takes from one package's header what it says of paths that were asked about. A header that cannot be understood is counted. */
export function takeHeader(blob: Buffer, wanted: WantedPaths, claims: Claims): void {
  const fields = HeaderFields.of(blob);
  const name = fields?.text(tags.name, maxNameLength);
  if (fields === undefined || name === undefined) {
    claims.unreadable += 1;
    return;
  }
  // Packages without files, such as keys.
  if (!fields.has(tags.baseNames)) return;
  const paths = new Map<number, string>();
  const isWhole = findPaths(fields, wanted, paths) && (paths.size === 0 || takeDigests(fields, name, paths, claims));
  if (!isWhole) claims.unreadable += 1;
}

/** Finds which of its files were asked about, by their indexes; each path once. */
function findPaths(fields: HeaderFields, wanted: WantedPaths, found: Map<number, string>): boolean {
  const directories: (ReadonlyMap<string, string> | undefined)[] = [];
  const hasDirectories = fields.eachText(tags.dirNames, wanted.longest, (_, text) => {
    directories.push(wanted.inDirectory(text()));
  });
  if (!hasDirectories) return false;
  if (directories.every((each) => each === undefined)) return true;
  const seen = new Set<string>();
  return fields.eachText(tags.baseNames, wanted.longest, (index, text) => {
    const path = directories[fields.number(tags.dirIndexes, index) ?? -1]?.get(text() ?? '');
    if (path === undefined || seen.has(path)) return;
    seen.add(path);
    found.set(index, path);
  });
}

function takeDigests(fields: HeaderFields, name: string, paths: ReadonlyMap<number, string>, claims: Claims): boolean {
  const known = algorithms[fields.number(tags.fileDigestAlgorithm, 0) ?? 1];
  if (known === undefined) return false;
  const version = versionOf(fields);
  let isWhole = true;
  const hasDigests = fields.eachText(tags.fileDigests, maxDigestLength, (index, text) => {
    const path = paths.get(index);
    if (path === undefined) return;
    const flags = fields.number(tags.fileFlags, index) ?? 0;
    if ((flags & ghost) !== 0 || (fields.number(tags.fileStates, index) ?? normal) !== normal) return;
    const digest = text();
    // Directories and links have none.
    if (digest === '') return;
    if (digest === undefined || !known.form.test(digest)) isWhole = false;
    else {
      const said = { path, package: shortText(name, maxNameLength), algorithm: known.algorithm, digest };
      claims.add({ ...said, ...version, ...((flags & config) === 0 ? {} : { conffile: true as const }) });
    }
  });
  return hasDigests && isWhole;
}

/** As rpm writes it: `epoch:version-release`, an epoch only where there is one. */
function versionOf(fields: HeaderFields): { readonly version?: string } {
  const [version, release] = [tags.version, tags.release].map((tag) => fields.text(tag, maxNameLength));
  if (version === undefined) return {};
  const epoch = fields.number(tags.epoch, 0);
  const text = `${epoch === undefined ? '' : `${epoch}:`}${version}${release === undefined ? '' : `-${release}`}`;
  return { version: shortText(text, maxNameLength) };
}
